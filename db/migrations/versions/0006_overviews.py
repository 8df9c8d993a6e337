"""What a version is about, in its own words."""

from db.migrate import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(
        """
-- As core.overview writes it; null for versions that were read before.
ALTER TABLE document_versions ADD COLUMN overview jsonb;
"""
    )


def downgrade() -> None:
    run_script("ALTER TABLE document_versions DROP COLUMN overview;")
