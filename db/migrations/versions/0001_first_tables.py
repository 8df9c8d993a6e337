"""The first tables: accounts, documents, ingestion, retrieval, conversations."""

from db.migrate import OWNER, run_script, wall

revision = "0001"
down_revision = None

TABLES = """
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE users (
  id uuid PRIMARY KEY,
  email text NOT NULL CONSTRAINT users_email_key UNIQUE CHECK (email = lower(email)),
  password_hash text NOT NULL,
  name text,
  role text NOT NULL DEFAULT 'USER' CHECK (role IN ('USER', 'ADMIN')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE refresh_sessions (
  owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  id uuid NOT NULL,
  family_id uuid NOT NULL,
  secret_hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (owner_id, id)
);
CREATE INDEX refresh_sessions_family ON refresh_sessions (owner_id, family_id);

CREATE TABLE api_keys (
  owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  secret_hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (owner_id, id)
);

CREATE TYPE document_status AS ENUM
  ('PENDING', 'PROCESSING', 'SEARCHABLE', 'READY', 'FAILED', 'CANCELLED');
CREATE TYPE ingestion_stage AS ENUM
  ('STORED', 'PARSING', 'CHUNKING', 'INDEXING', 'EMBEDDING', 'PUBLISHING', 'DONE');

-- A document carries the newest snapshot of its ingestion; ingestion_events keeps all of them.
CREATE TABLE documents (
  owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  id uuid NOT NULL,
  filename text NOT NULL CHECK (char_length(filename) BETWEEN 1 AND 255),
  latest_version_id uuid,
  active_version_id uuid,
  progress_version integer NOT NULL DEFAULT 0,
  status document_status NOT NULL DEFAULT 'PENDING',
  stage ingestion_stage NOT NULL DEFAULT 'STORED',
  fraction double precision NOT NULL DEFAULT 0 CHECK (fraction BETWEEN 0 AND 1),
  attempt integer NOT NULL DEFAULT 0,
  message text,
  failure_code text,
  failure_message text,
  failure_advice text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, id),
  CONSTRAINT documents_failure CHECK ((status = 'FAILED') = (failure_code IS NOT NULL))
);
CREATE INDEX documents_newest ON documents (owner_id, created_at DESC, id DESC);
CREATE INDEX documents_changed ON documents (owner_id, updated_at, id);
CREATE INDEX documents_filename ON documents (owner_id, filename);

CREATE TABLE document_versions (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,
  document_id uuid NOT NULL,
  number integer NOT NULL,
  sha256 bytea NOT NULL CHECK (length(sha256) = 32),
  byte_size bigint NOT NULL,
  media_type text NOT NULL,
  storage_key text NOT NULL,
  idempotency_key text,
  page_count integer,
  chunk_count integer,
  lexeme_count bigint,
  language text,
  parser text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, id),
  FOREIGN KEY (owner_id, document_id) REFERENCES documents ON DELETE CASCADE,
  CONSTRAINT document_versions_number_key UNIQUE (owner_id, document_id, number),
  CONSTRAINT document_versions_content_key UNIQUE (owner_id, sha256),
  CONSTRAINT document_versions_idempotency_key UNIQUE (owner_id, idempotency_key)
);

-- The bulk of a version has no foreign key to it, so that deleting a document is quick: the rows go
-- soon after, from purges. Nothing finds them meanwhile: every search begins at documents.
CREATE TABLE pages (
  owner_id uuid NOT NULL,
  version_id uuid NOT NULL,
  number integer NOT NULL,
  start integer NOT NULL,
  text text NOT NULL,
  width real,
  height real,
  words integer[] NOT NULL,
  PRIMARY KEY (owner_id, version_id, number)
);

CREATE TABLE chunks (
  owner_id uuid NOT NULL,
  version_id uuid NOT NULL,
  ordinal integer NOT NULL,
  start integer NOT NULL,
  first_page integer NOT NULL,
  last_page integer NOT NULL,
  context text NOT NULL,
  text text NOT NULL,
  terms text[] NOT NULL,
  PRIMARY KEY (owner_id, version_id, ordinal)
);

-- One row for each distinct term of each chunk; no foreign key, so that writing stays cheap:
-- rows are reached through chunks.terms and go with their chunks.
CREATE TABLE postings (
  owner_id uuid NOT NULL,
  term text COLLATE "C" NOT NULL,
  version_id uuid NOT NULL,
  ordinal integer NOT NULL,
  frequency smallint NOT NULL,
  length smallint NOT NULL,
  PRIMARY KEY (owner_id, term, version_id, ordinal) INCLUDE (frequency, length)
);

CREATE FUNCTION delete_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM postings p USING old_chunks c, unnest(c.terms) AS t(term)
  WHERE p.owner_id = c.owner_id AND p.term = t.term
    AND p.version_id = c.version_id AND p.ordinal = c.ordinal;
  RETURN NULL;
END $$;
CREATE TRIGGER chunks_delete_postings AFTER DELETE ON chunks
  REFERENCING OLD TABLE AS old_chunks FOR EACH STATEMENT EXECUTE FUNCTION delete_postings();

CREATE TABLE embedding_models (
  id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CONSTRAINT embedding_models_name_key UNIQUE,
  dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 4000)
);

CREATE TABLE chunk_vectors (
  owner_id uuid NOT NULL,
  model_id smallint NOT NULL REFERENCES embedding_models,
  version_id uuid NOT NULL,
  ordinal integer NOT NULL,
  embedding halfvec NOT NULL,
  PRIMARY KEY (owner_id, model_id, version_id, ordinal),
  FOREIGN KEY (owner_id, version_id, ordinal) REFERENCES chunks ON DELETE CASCADE
);
ALTER TABLE chunk_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX chunk_vectors_chunk ON chunk_vectors (owner_id, version_id, ordinal);

CREATE TABLE ingestion_events (
  owner_id uuid NOT NULL,
  document_id uuid NOT NULL,
  version integer NOT NULL,
  status document_status NOT NULL,
  stage ingestion_stage NOT NULL,
  fraction double precision NOT NULL,
  attempt integer NOT NULL,
  message text,
  failure_code text,
  failure_message text,
  failure_advice text,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, document_id, version),
  FOREIGN KEY (owner_id, document_id) REFERENCES documents ON DELETE CASCADE
);

-- The outbox and the lease in one row a version. It holds no tenant content and has no row-level
-- security: workers look for work across all owners. The attempt is the fencing token.
CREATE TABLE ingestion_jobs (
  version_id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  document_id uuid NOT NULL,
  state text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'DEAD')),
  attempt integer NOT NULL DEFAULT 0,
  give_up_after integer NOT NULL,
  worker text,
  lease_expires_at timestamptz,
  available_at timestamptz NOT NULL DEFAULT now(),
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (owner_id, version_id) REFERENCES document_versions ON DELETE CASCADE,
  CONSTRAINT ingestion_jobs_lease
    CHECK ((state = 'RUNNING') = (worker IS NOT NULL AND lease_expires_at IS NOT NULL))
);
CREATE INDEX ingestion_jobs_unfinished ON ingestion_jobs (available_at)
  WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX ingestion_jobs_document ON ingestion_jobs (owner_id, document_id);
CREATE UNIQUE INDEX ingestion_jobs_one_at_a_time ON ingestion_jobs (owner_id, document_id)
  WHERE state IN ('QUEUED', 'RUNNING');

-- When each owner last got a worker: the longest waiting goes first.
CREATE TABLE ingestion_turns (
  owner_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
  served_at timestamptz NOT NULL
);

-- Stored bytes that no version refers to, because they are on their way in or on their way out; the
-- sweeper deletes them when they are due. byte_size counts against the owner's quota until then.
CREATE TABLE abandoned_blobs (
  storage_key text PRIMARY KEY,
  owner_id uuid NOT NULL,
  byte_size bigint NOT NULL,
  available_at timestamptz NOT NULL
);
CREATE INDEX abandoned_blobs_due ON abandoned_blobs (available_at);
CREATE INDEX abandoned_blobs_owner ON abandoned_blobs (owner_id);

-- Versions whose bulk the sweeper deletes: all of it, or only what searches read.
CREATE TABLE purges (
  owner_id uuid NOT NULL,
  version_id uuid NOT NULL,
  whole boolean NOT NULL,
  next_ordinal integer NOT NULL DEFAULT 0,
  PRIMARY KEY (owner_id, version_id)
);

CREATE FUNCTION abandon_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO abandoned_blobs (storage_key, owner_id, byte_size, available_at)
    VALUES (OLD.storage_key, OLD.owner_id, 0, now()) ON CONFLICT DO NOTHING;
  INSERT INTO purges (owner_id, version_id, whole) VALUES (OLD.owner_id, OLD.id, true)
    ON CONFLICT (owner_id, version_id) DO UPDATE SET whole = true, next_ordinal = 0;
  RETURN NULL;
END $$;
CREATE TRIGGER document_versions_abandon AFTER DELETE ON document_versions
  FOR EACH ROW EXECUTE FUNCTION abandon_version();

CREATE FUNCTION check_document_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.progress_version <> 0 OR NEW.status <> 'PENDING' THEN
      RAISE EXCEPTION 'a document begins as PENDING' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.progress_version <> OLD.progress_version + 1 AND (
    NEW.progress_version <> OLD.progress_version OR
    (NEW.status, NEW.stage, NEW.fraction, NEW.attempt, NEW.message,
      NEW.failure_code, NEW.failure_message, NEW.failure_advice) IS DISTINCT FROM
    (OLD.status, OLD.stage, OLD.fraction, OLD.attempt, OLD.message,
      OLD.failure_code, OLD.failure_message, OLD.failure_advice)
  ) THEN
    RAISE EXCEPTION 'progress of a document is gapless: % to %',
      OLD.progress_version, NEW.progress_version USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
    ('PENDING', 'PROCESSING'), ('PENDING', 'SEARCHABLE'), ('PENDING', 'FAILED'),
    ('PENDING', 'CANCELLED'),
    ('PROCESSING', 'SEARCHABLE'), ('PROCESSING', 'READY'), ('PROCESSING', 'FAILED'),
    ('PROCESSING', 'CANCELLED'), ('PROCESSING', 'PENDING'),
    ('SEARCHABLE', 'READY'), ('SEARCHABLE', 'FAILED'), ('SEARCHABLE', 'CANCELLED'),
    ('SEARCHABLE', 'PENDING'),
    ('READY', 'PENDING'), ('FAILED', 'PENDING'), ('CANCELLED', 'PENDING')
  ) THEN
    RAISE EXCEPTION 'a document cannot go from % to %', OLD.status, NEW.status
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER documents_check_progress BEFORE INSERT OR UPDATE ON documents
  FOR EACH ROW EXECUTE FUNCTION check_document_progress();

CREATE FUNCTION record_document_progress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ingestion_events (owner_id, document_id, version, status, stage, fraction, attempt,
    message, failure_code, failure_message, failure_advice, at)
  VALUES (NEW.owner_id, NEW.id, NEW.progress_version, NEW.status, NEW.stage, NEW.fraction,
    NEW.attempt, NEW.message, NEW.failure_code, NEW.failure_message, NEW.failure_advice,
    NEW.updated_at);
  RETURN NULL;
END $$;
CREATE TRIGGER documents_record_progress AFTER UPDATE ON documents
  FOR EACH ROW WHEN (NEW.progress_version > OLD.progress_version)
  EXECUTE FUNCTION record_document_progress();

CREATE TABLE conversations (
  owner_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
  id uuid NOT NULL,
  title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 200),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, id)
);
CREATE INDEX conversations_newest ON conversations (owner_id, updated_at DESC, id DESC);

CREATE TABLE messages (
  owner_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  parent_id uuid,
  role text NOT NULL CHECK (role IN ('USER', 'ASSISTANT')),
  text text NOT NULL,
  status text NOT NULL
    CHECK (status IN ('STREAMING', 'COMPLETED', 'STOPPED', 'INTERRUPTED', 'FAILED')),
  client_message_id text,
  document_ids uuid[],
  answerer text,
  grounded boolean,
  sequence integer NOT NULL DEFAULT 0,
  stop_requested boolean NOT NULL DEFAULT false,
  failure_code text,
  prompt_tokens integer NOT NULL DEFAULT 0,
  completion_tokens integer NOT NULL DEFAULT 0,
  rating smallint CHECK (rating BETWEEN 1 AND 5),
  rating_comment text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (owner_id, id),
  FOREIGN KEY (owner_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
  FOREIGN KEY (owner_id, parent_id) REFERENCES messages DEFERRABLE,
  CONSTRAINT messages_client_message_key UNIQUE (owner_id, client_message_id)
);
CREATE INDEX messages_conversation ON messages (owner_id, conversation_id, created_at, id);
CREATE INDEX messages_parent ON messages (owner_id, parent_id);

-- The log of an answer's events, for whoever comes back; the newest may still be only in Redis.
CREATE TABLE answer_events (
  owner_id uuid NOT NULL,
  message_id uuid NOT NULL,
  sequence integer NOT NULL,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  PRIMARY KEY (owner_id, message_id, sequence),
  FOREIGN KEY (owner_id, message_id) REFERENCES messages ON DELETE CASCADE
);

-- Answers being written, for the sweeper; no tenant content, no row-level security.
CREATE TABLE answer_leases (
  message_id uuid PRIMARY KEY,
  owner_id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (owner_id, message_id) REFERENCES messages ON DELETE CASCADE
);

CREATE TABLE answer_passages (
  owner_id uuid NOT NULL,
  message_id uuid NOT NULL,
  rank integer NOT NULL,
  version_id uuid NOT NULL,
  ordinal integer NOT NULL,
  lexical_rank integer,
  lexical_score real,
  semantic_rank integer,
  similarity real,
  score real NOT NULL,
  PRIMARY KEY (owner_id, message_id, rank),
  FOREIGN KEY (owner_id, message_id) REFERENCES messages ON DELETE CASCADE,
  FOREIGN KEY (owner_id, version_id, ordinal) REFERENCES chunks ON DELETE CASCADE
);
CREATE INDEX answer_passages_chunk ON answer_passages (owner_id, version_id, ordinal);

CREATE TABLE citations (
  owner_id uuid NOT NULL,
  message_id uuid NOT NULL,
  position integer NOT NULL,
  index integer NOT NULL,
  start integer NOT NULL,
  "end" integer NOT NULL,
  document_id uuid NOT NULL,
  version_id uuid NOT NULL,
  page_number integer NOT NULL,
  page_start integer NOT NULL,
  page_end integer NOT NULL,
  quote text NOT NULL,
  verified boolean NOT NULL,
  PRIMARY KEY (owner_id, message_id, position),
  FOREIGN KEY (owner_id, message_id) REFERENCES messages ON DELETE CASCADE,
  FOREIGN KEY (owner_id, version_id) REFERENCES document_versions ON DELETE CASCADE
);
CREATE INDEX citations_version ON citations (owner_id, version_id);
"""

TENANT_TABLES = (
    "refresh_sessions",
    "api_keys",
    "documents",
    "document_versions",
    "pages",
    "chunks",
    "postings",
    "chunk_vectors",
    "ingestion_events",
    "conversations",
    "messages",
    "answer_events",
    "answer_passages",
    "citations",
)

LOGIN = "(SELECT nullif(current_setting('lectern.login_email', true), ''))"


def upgrade() -> None:
    run_script(TABLES)
    for table in TENANT_TABLES:
        run_script(wall(table))
    run_script(
        "ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        f"CREATE POLICY owner ON users USING (id = {OWNER} OR email = {LOGIN})"
        f" WITH CHECK (id = {OWNER})"
    )


def downgrade() -> None:
    tables = (
        *TENANT_TABLES,
        "answer_leases",
        "ingestion_jobs",
        "ingestion_turns",
        "abandoned_blobs",
        "purges",
    )
    run_script(
        f"DROP TABLE {', '.join(tables)}, embedding_models, users CASCADE;"
        "DROP FUNCTION delete_postings, abandon_version, check_document_progress,"
        " record_document_progress;"
        "DROP TYPE document_status, ingestion_stage"
    )
