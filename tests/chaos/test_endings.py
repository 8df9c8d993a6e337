"""Documents that cannot be read, disks that are full, clocks that are wrong."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.cluster import Cluster, until_ended, upload
from chaos.contents import SAMPLES, poisoned_file, text_file
from chaos.history import check
from core.errors import ErrorCode, ProviderUnavailable
from core.principal import Principal
from services.container import Services

MEBIBYTE = 1024 * 1024
SHIFTED_CLOCK = """
import datetime, time
seconds, seconds_of = {seconds}, time.time
time.time = lambda: seconds_of() + seconds
time.time_ns = lambda: int(time.time() * 1e9)
class Shifted(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=seconds)
datetime.datetime = Shifted
"""


async def test_poisoned_documents_beside_healthy_ones(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    files = [text_file(f"healthy {n}") for n in range(3)]
    files += [poisoned_file("beside"), ("wardens.pdf", (SAMPLES / "wardens-only.pdf").read_bytes())]
    acknowledged = {(await upload(services, owner, *file)).id: file for file in files}
    seen = await check(cluster, services, owner, acknowledged)
    assert seen == {"READY": 3, ErrorCode.MALFORMED: 1, ErrorCode.ENCRYPTED: 1}


@pytest.mark.long
async def test_a_job_that_takes_every_worker_with_it_is_given_up(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    """As if every allowed attempt had ended with the death of its worker."""
    name, content = text_file("deadly")
    cluster.stop_working()
    document = await upload(services, owner, name, content)
    async with cluster.superuser() as connection:
        await connection.execute(
            "UPDATE ingestion_jobs SET attempt = 5, state = 'RUNNING', worker = 'dead',"
            " lease_expires_at = now() WHERE document_id = $1",
            document.id,
        )
    cluster.keep_working(2)
    ended = (await until_ended(services, owner, [document.id]))[document.id]
    assert ended.progress.status == "FAILED"
    assert ended.progress.failure_code == ErrorCode.INTERNAL_SERVER_ERROR

    await services.documents.retry(owner, document.id)
    ended = (await until_ended(services, owner, [document.id]))[document.id]
    assert ended.progress.status == "READY"


@pytest.fixture
def full_disk(cluster: Cluster, owner: Principal) -> Iterator[Path]:
    """The owner's folder on a disk of three mebibytes."""
    folder = Path(cluster.settings.data_dir) / "files" / owner.user_id.hex
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs privileges")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_the_disk_is_full(
    cluster: Cluster, services: Services, owner: Principal, full_disk: Path
) -> None:
    fits = text_file("fits", paragraphs=3000)
    assert MEBIBYTE < len(fits[1]) < 2 * MEBIBYTE
    small = ("small.txt", fits[1][:9000])
    acknowledged = {(await upload(services, owner, *small)).id: small}
    first = await upload(services, owner, *fits)
    with pytest.raises(ProviderUnavailable) as refused:
        await upload(services, owner, *text_file("fits no more", paragraphs=3000))
    assert refused.value.code == ErrorCode.STORAGE_UNAVAILABLE
    await services.documents.delete(owner, first.id)
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 1}
    assert len(os.listdir(full_disk)) == 1


@pytest.mark.long
@pytest.mark.parametrize("seconds", [86_400, -86_400], ids=["ahead", "behind"])
async def test_a_worker_whose_clock_is_wrong_by_a_day(
    cluster: Cluster, services: Services, owner: Principal, tmp_path: Path, seconds: int
) -> None:
    """Leases, delays and time stamps are the database's; a worker's own clock decides nothing."""
    (tmp_path / "sitecustomize.py").write_text(SHIFTED_CLOCK.format(seconds=seconds))
    cluster.stop_working()
    cluster.keep_working(1, PYTHONPATH=str(tmp_path))
    files = [text_file(f"clock {seconds} {n}", 20) for n in range(3)]
    acknowledged = {(await upload(services, owner, *file)).id: file for file in files}
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 3}
    cluster.stop_working()
