"""The index that purges of postings read no longer looks like one for searches.

Statistics that do not know an owner yet make the planner read all of the owner's postings through
any index that begins with the owner.
"""

from db.migrate import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(
        """
DROP INDEX postings_version;
CREATE INDEX postings_version ON postings (version_id, first);
"""
    )


def downgrade() -> None:
    run_script(
        """
DROP INDEX postings_version;
CREATE INDEX postings_version ON postings (owner_id, version_id, first);
"""
    )
