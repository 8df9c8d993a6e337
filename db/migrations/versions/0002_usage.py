"""What answers cost, what one may ask next, and when a message was written."""

from db.migrate import run_script

revision = "0002"
down_revision = "0001"

OWNER = "(SELECT nullif(current_setting('lectern.owner_id', true), '')::uuid)"


def upgrade() -> None:
    run_script(
        f"""
ALTER TABLE messages
  ADD COLUMN cost numeric(20, 6) NOT NULL DEFAULT 0,
  ADD COLUMN suggestions text[] NOT NULL DEFAULT '{{}}',
  -- Not of when its transaction began: of two questions at once, the one that waited is the later.
  ALTER COLUMN created_at SET DEFAULT clock_timestamp();

-- What answers took, for quotas: deleting a conversation gives nothing back.
CREATE TABLE usage_days (
  owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  day date NOT NULL,
  answers integer NOT NULL DEFAULT 0,
  prompt_tokens bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  cost numeric(20, 6) NOT NULL DEFAULT 0,
  PRIMARY KEY (owner_id, day)
);
ALTER TABLE usage_days ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON usage_days USING (owner_id = {OWNER});
"""
    )


def downgrade() -> None:
    run_script(
        """
DROP TABLE usage_days;
ALTER TABLE messages
  DROP COLUMN cost,
  DROP COLUMN suggestions,
  ALTER COLUMN created_at SET DEFAULT now();
"""
    )
