"""Languages of pages, and all of those of a version."""

from db.migrate import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE pages ADD COLUMN language text;
-- The one of most of the text first, which `language` is too.
ALTER TABLE document_versions ADD COLUMN languages text[] NOT NULL DEFAULT '{}';
ALTER TABLE document_versions NO FORCE ROW LEVEL SECURITY;
UPDATE document_versions SET languages = ARRAY[language] WHERE language IS NOT NULL;
ALTER TABLE document_versions FORCE ROW LEVEL SECURITY;
"""
    )


def downgrade() -> None:
    run_script(
        """
ALTER TABLE pages DROP COLUMN language;
ALTER TABLE document_versions DROP COLUMN languages;
"""
    )
