"""Blocks of pages, and what was not read of a version."""

from db.migrate import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(
        """
-- As core.blocks writes them; pages that were read before have none.
ALTER TABLE pages ADD COLUMN blocks jsonb NOT NULL DEFAULT '[]';
ALTER TABLE document_versions ADD COLUMN warnings jsonb NOT NULL DEFAULT '[]';
"""
    )


def downgrade() -> None:
    run_script(
        """
ALTER TABLE pages DROP COLUMN blocks;
ALTER TABLE document_versions DROP COLUMN warnings;
"""
    )
