"""Content may come back as another version, and citations outlive their documents without words."""

from db.migrate import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE document_versions DROP CONSTRAINT document_versions_content_key;
CREATE INDEX document_versions_content ON document_versions (owner_id, sha256);

-- A citation keeps the name under which it was made; its words go with the version.
ALTER TABLE citations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE citations ADD COLUMN filename text NOT NULL DEFAULT '';
ALTER TABLE citations ALTER COLUMN filename DROP DEFAULT;
UPDATE citations c SET filename = d.filename FROM documents d
WHERE d.owner_id = c.owner_id AND d.id = c.document_id;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE citations FORCE ROW LEVEL SECURITY;
ALTER TABLE citations DROP CONSTRAINT citations_owner_id_version_id_fkey;

CREATE OR REPLACE FUNCTION abandon_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO abandoned_blobs (storage_key, owner_id, byte_size, available_at)
    VALUES (OLD.storage_key, OLD.owner_id, 0, now()) ON CONFLICT DO NOTHING;
  INSERT INTO purges (owner_id, version_id, whole) VALUES (OLD.owner_id, OLD.id, true)
    ON CONFLICT (owner_id, version_id) DO UPDATE SET whole = true, next_ordinal = 0;
  UPDATE citations SET quote = '' WHERE owner_id = OLD.owner_id AND version_id = OLD.id;
  RETURN NULL;
END $$;
"""
    )


def downgrade() -> None:
    run_script(
        """
CREATE OR REPLACE FUNCTION abandon_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO abandoned_blobs (storage_key, owner_id, byte_size, available_at)
    VALUES (OLD.storage_key, OLD.owner_id, 0, now()) ON CONFLICT DO NOTHING;
  INSERT INTO purges (owner_id, version_id, whole) VALUES (OLD.owner_id, OLD.id, true)
    ON CONFLICT (owner_id, version_id) DO UPDATE SET whole = true, next_ordinal = 0;
  RETURN NULL;
END $$;
ALTER TABLE citations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE document_versions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
DELETE FROM citations c WHERE NOT EXISTS (
  SELECT 1 FROM document_versions v WHERE v.owner_id = c.owner_id AND v.id = c.version_id);
-- Of equal content the latest version stays.
DELETE FROM document_versions v USING documents d
WHERE d.owner_id = v.owner_id AND d.id = v.document_id AND v.id <> d.latest_version_id
  AND v.id IS DISTINCT FROM d.active_version_id AND EXISTS (
    SELECT 1 FROM document_versions same
    WHERE same.owner_id = v.owner_id AND same.sha256 = v.sha256 AND same.id <> v.id);
ALTER TABLE citations ADD FOREIGN KEY (owner_id, version_id) REFERENCES document_versions
  ON DELETE CASCADE;
ALTER TABLE citations DROP COLUMN filename;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE document_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE citations FORCE ROW LEVEL SECURITY;
DROP INDEX document_versions_content;
ALTER TABLE document_versions ADD CONSTRAINT document_versions_content_key
  UNIQUE (owner_id, sha256);
"""
    )
