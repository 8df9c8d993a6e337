"""What answers cost, what one may ask next, and fewer rows for what they said."""

from db.migrate import run_script, wall

revision = "0003"
down_revision = "0002"


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

-- A run of deltas is one row, numbered as its last. Without NO FORCE their owner sees no rows.
ALTER TABLE answer_events NO FORCE ROW LEVEL SECURITY;
UPDATE answer_events SET payload = jsonb_build_object('texts', jsonb_build_array(payload->'text'))
WHERE kind = 'DELTA';
ALTER TABLE answer_events FORCE ROW LEVEL SECURITY;

{wall("usage_days")}
"""
    )


def downgrade() -> None:
    run_script(
        """
ALTER TABLE answer_events NO FORCE ROW LEVEL SECURITY;
INSERT INTO answer_events (owner_id, message_id, sequence, kind, payload)
SELECT owner_id, message_id, sequence - jsonb_array_length(payload->'texts') + place, kind,
  jsonb_build_object('text', delta)
FROM answer_events, jsonb_array_elements(payload->'texts') WITH ORDINALITY AS run (delta, place)
WHERE kind = 'DELTA' AND place < jsonb_array_length(payload->'texts')
ON CONFLICT DO NOTHING;
UPDATE answer_events SET payload = jsonb_build_object('text', payload->'texts'->-1)
WHERE kind = 'DELTA' AND payload ? 'texts';
ALTER TABLE answer_events FORCE ROW LEVEL SECURITY;
DROP TABLE usage_days;
ALTER TABLE messages
  DROP COLUMN cost,
  DROP COLUMN suggestions,
  ALTER COLUMN created_at SET DEFAULT now();
"""
    )
