-- The database after all migrations, for reading. `make schema` writes this file.
-- Role lectern_app is the application, which owns nothing and is bound by the policies.

CREATE TYPE document_status AS ENUM (
    'PENDING',
    'PROCESSING',
    'SEARCHABLE',
    'READY',
    'FAILED',
    'CANCELLED'
);

CREATE TYPE ingestion_stage AS ENUM (
    'STORED',
    'PARSING',
    'CHUNKING',
    'INDEXING',
    'EMBEDDING',
    'PUBLISHING',
    'DONE'
);

CREATE FUNCTION abandon_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO abandoned_blobs (storage_key, owner_id, byte_size, available_at)
    VALUES (OLD.storage_key, OLD.owner_id, 0, now()) ON CONFLICT DO NOTHING;
  INSERT INTO purges (owner_id, version_id, whole) VALUES (OLD.owner_id, OLD.id, true)
    ON CONFLICT (owner_id, version_id) DO UPDATE SET whole = true, next_ordinal = 0;
  UPDATE citations SET quote = '' WHERE owner_id = OLD.owner_id AND version_id = OLD.id;
  RETURN NULL;
END $$;

CREATE FUNCTION check_document_progress() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION delete_postings() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  DELETE FROM postings
  WHERE (owner_id, version_id, first) IN (
    SELECT DISTINCT owner_id, version_id, ordinal / 256 * 256 FROM old_chunks);
  RETURN NULL;
END $$;

CREATE FUNCTION record_document_progress() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO ingestion_events (owner_id, document_id, version, status, stage, fraction, attempt,
    message, failure_code, failure_message, failure_advice, at)
  VALUES (NEW.owner_id, NEW.id, NEW.progress_version, NEW.status, NEW.stage, NEW.fraction,
    NEW.attempt, NEW.message, NEW.failure_code, NEW.failure_message, NEW.failure_advice,
    NEW.updated_at);
  RETURN NULL;
END $$;

-- abandoned_blobs

CREATE TABLE abandoned_blobs (
    storage_key text NOT NULL,
    owner_id uuid NOT NULL,
    byte_size bigint NOT NULL,
    available_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY abandoned_blobs
    ADD CONSTRAINT abandoned_blobs_pkey PRIMARY KEY (storage_key);
CREATE INDEX abandoned_blobs_due ON abandoned_blobs USING btree (available_at);
CREATE INDEX abandoned_blobs_owner ON abandoned_blobs USING btree (owner_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE abandoned_blobs TO lectern_app;

-- answer_events

CREATE TABLE answer_events (
    owner_id uuid NOT NULL,
    message_id uuid NOT NULL,
    sequence integer NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL
);
ALTER TABLE ONLY answer_events FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY answer_events
    ADD CONSTRAINT answer_events_pkey PRIMARY KEY (owner_id, message_id, sequence);
ALTER TABLE ONLY answer_events
    ADD CONSTRAINT answer_events_owner_id_message_id_fkey FOREIGN KEY (owner_id, message_id) REFERENCES messages(owner_id, id) ON DELETE CASCADE;
ALTER TABLE answer_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON answer_events USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE answer_events TO lectern_app;

-- answer_leases

CREATE TABLE answer_leases (
    message_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY answer_leases
    ADD CONSTRAINT answer_leases_pkey PRIMARY KEY (message_id);
ALTER TABLE ONLY answer_leases
    ADD CONSTRAINT answer_leases_owner_id_message_id_fkey FOREIGN KEY (owner_id, message_id) REFERENCES messages(owner_id, id) ON DELETE CASCADE;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE answer_leases TO lectern_app;

-- answer_passages

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
    score real NOT NULL
);
ALTER TABLE ONLY answer_passages FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY answer_passages
    ADD CONSTRAINT answer_passages_pkey PRIMARY KEY (owner_id, message_id, rank);
CREATE INDEX answer_passages_chunk ON answer_passages USING btree (owner_id, version_id, ordinal);
ALTER TABLE ONLY answer_passages
    ADD CONSTRAINT answer_passages_owner_id_message_id_fkey FOREIGN KEY (owner_id, message_id) REFERENCES messages(owner_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY answer_passages
    ADD CONSTRAINT answer_passages_owner_id_version_id_ordinal_fkey FOREIGN KEY (owner_id, version_id, ordinal) REFERENCES chunks(owner_id, version_id, ordinal) ON DELETE CASCADE;
ALTER TABLE answer_passages ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON answer_passages USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE answer_passages TO lectern_app;

-- api_keys

CREATE TABLE api_keys (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone
);
ALTER TABLE ONLY api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (owner_id, id);
ALTER TABLE ONLY api_keys
    ADD CONSTRAINT api_keys_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON api_keys USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE api_keys TO lectern_app;

-- chunk_vectors

CREATE TABLE chunk_vectors (
    owner_id uuid NOT NULL,
    model_id smallint NOT NULL,
    version_id uuid NOT NULL,
    ordinal integer NOT NULL,
    embedding halfvec NOT NULL,
    in_graph boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY chunk_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY chunk_vectors FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY chunk_vectors
    ADD CONSTRAINT chunk_vectors_pkey PRIMARY KEY (owner_id, model_id, version_id, ordinal);
CREATE INDEX chunk_vectors_chunk ON chunk_vectors USING btree (owner_id, version_id, ordinal);
CREATE INDEX chunk_vectors_graph_1024 ON chunk_vectors USING hnsw (((embedding)::halfvec(1024)) halfvec_cosine_ops) WHERE (in_graph AND (vector_dims(embedding) = 1024));
CREATE INDEX chunk_vectors_graph_1536 ON chunk_vectors USING hnsw (((embedding)::halfvec(1536)) halfvec_cosine_ops) WHERE (in_graph AND (vector_dims(embedding) = 1536));
CREATE INDEX chunk_vectors_graph_3072 ON chunk_vectors USING hnsw (((embedding)::halfvec(3072)) halfvec_cosine_ops) WHERE (in_graph AND (vector_dims(embedding) = 3072));
CREATE INDEX chunk_vectors_graph_384 ON chunk_vectors USING hnsw (((embedding)::halfvec(384)) halfvec_cosine_ops) WHERE (in_graph AND (vector_dims(embedding) = 384));
CREATE INDEX chunk_vectors_graph_768 ON chunk_vectors USING hnsw (((embedding)::halfvec(768)) halfvec_cosine_ops) WHERE (in_graph AND (vector_dims(embedding) = 768));
CREATE INDEX chunk_vectors_outside ON chunk_vectors USING btree (owner_id, model_id) WHERE (NOT in_graph);
ALTER TABLE ONLY chunk_vectors
    ADD CONSTRAINT chunk_vectors_model_id_fkey FOREIGN KEY (model_id) REFERENCES embedding_models(id);
ALTER TABLE ONLY chunk_vectors
    ADD CONSTRAINT chunk_vectors_owner_id_version_id_ordinal_fkey FOREIGN KEY (owner_id, version_id, ordinal) REFERENCES chunks(owner_id, version_id, ordinal) ON DELETE CASCADE;
ALTER TABLE chunk_vectors ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON chunk_vectors USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE chunk_vectors TO lectern_app;

-- chunks

CREATE TABLE chunks (
    owner_id uuid NOT NULL,
    version_id uuid NOT NULL,
    ordinal integer NOT NULL,
    start integer NOT NULL,
    first_page integer NOT NULL,
    last_page integer NOT NULL,
    context text NOT NULL,
    text text NOT NULL
);
ALTER TABLE ONLY chunks FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (owner_id, version_id, ordinal);
CREATE TRIGGER chunks_delete_postings AFTER DELETE ON chunks REFERENCING OLD TABLE AS old_chunks FOR EACH STATEMENT EXECUTE FUNCTION delete_postings();
ALTER TABLE chunks ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON chunks USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE chunks TO lectern_app;

-- citations

CREATE TABLE citations (
    owner_id uuid NOT NULL,
    message_id uuid NOT NULL,
    "position" integer NOT NULL,
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
    filename text NOT NULL
);
ALTER TABLE ONLY citations FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY citations
    ADD CONSTRAINT citations_pkey PRIMARY KEY (owner_id, message_id, "position");
CREATE INDEX citations_version ON citations USING btree (owner_id, version_id);
ALTER TABLE ONLY citations
    ADD CONSTRAINT citations_owner_id_message_id_fkey FOREIGN KEY (owner_id, message_id) REFERENCES messages(owner_id, id) ON DELETE CASCADE;
ALTER TABLE citations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON citations USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE citations TO lectern_app;

-- conversations

CREATE TABLE conversations (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT conversations_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200)))
);
ALTER TABLE ONLY conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (owner_id, id);
CREATE INDEX conversations_newest ON conversations USING btree (owner_id, updated_at DESC, id DESC);
ALTER TABLE ONLY conversations
    ADD CONSTRAINT conversations_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE;
ALTER TABLE conversations ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON conversations USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE conversations TO lectern_app;

-- document_versions

CREATE TABLE document_versions (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    number integer NOT NULL,
    sha256 bytea NOT NULL,
    byte_size bigint NOT NULL,
    media_type text NOT NULL,
    storage_key text NOT NULL,
    idempotency_key text,
    page_count integer,
    chunk_count integer,
    lexeme_count bigint,
    language text,
    parser text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    warnings jsonb DEFAULT '[]'::jsonb NOT NULL,
    overview jsonb,
    languages text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT document_versions_sha256_check CHECK ((length(sha256) = 32))
);
ALTER TABLE ONLY document_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY document_versions
    ADD CONSTRAINT document_versions_idempotency_key UNIQUE (owner_id, idempotency_key);
ALTER TABLE ONLY document_versions
    ADD CONSTRAINT document_versions_number_key UNIQUE (owner_id, document_id, number);
ALTER TABLE ONLY document_versions
    ADD CONSTRAINT document_versions_pkey PRIMARY KEY (owner_id, id);
CREATE INDEX document_versions_content ON document_versions USING btree (owner_id, sha256);
CREATE TRIGGER document_versions_abandon AFTER DELETE ON document_versions FOR EACH ROW EXECUTE FUNCTION abandon_version();
ALTER TABLE ONLY document_versions
    ADD CONSTRAINT document_versions_owner_id_document_id_fkey FOREIGN KEY (owner_id, document_id) REFERENCES documents(owner_id, id) ON DELETE CASCADE;
ALTER TABLE document_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON document_versions USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE document_versions TO lectern_app;

-- documents

CREATE TABLE documents (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    filename text NOT NULL,
    latest_version_id uuid,
    active_version_id uuid,
    progress_version integer DEFAULT 0 NOT NULL,
    status document_status DEFAULT 'PENDING'::document_status NOT NULL,
    stage ingestion_stage DEFAULT 'STORED'::ingestion_stage NOT NULL,
    fraction double precision DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    message text,
    failure_code text,
    failure_message text,
    failure_advice text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT documents_failure CHECK (((status = 'FAILED'::document_status) = (failure_code IS NOT NULL))),
    CONSTRAINT documents_filename_check CHECK (((char_length(filename) >= 1) AND (char_length(filename) <= 255))),
    CONSTRAINT documents_fraction_check CHECK (((fraction >= (0)::double precision) AND (fraction <= (1)::double precision)))
);
ALTER TABLE ONLY documents FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (owner_id, id);
CREATE INDEX documents_changed ON documents USING btree (owner_id, updated_at, id);
CREATE INDEX documents_filename ON documents USING btree (owner_id, filename);
CREATE INDEX documents_newest ON documents USING btree (owner_id, created_at DESC, id DESC);
CREATE TRIGGER documents_check_progress BEFORE INSERT OR UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION check_document_progress();
CREATE TRIGGER documents_record_progress AFTER UPDATE ON documents FOR EACH ROW WHEN ((new.progress_version > old.progress_version)) EXECUTE FUNCTION record_document_progress();
ALTER TABLE ONLY documents
    ADD CONSTRAINT documents_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE;
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON documents USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents TO lectern_app;

-- embedding_models

CREATE TABLE embedding_models (
    id smallint NOT NULL,
    name text NOT NULL,
    dimensions integer NOT NULL,
    CONSTRAINT embedding_models_dimensions_check CHECK (((dimensions >= 1) AND (dimensions <= 4000)))
);
ALTER TABLE embedding_models ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME embedding_models_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ONLY embedding_models
    ADD CONSTRAINT embedding_models_name_key UNIQUE (name);
ALTER TABLE ONLY embedding_models
    ADD CONSTRAINT embedding_models_pkey PRIMARY KEY (id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE embedding_models TO lectern_app;

-- ingestion_events

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
    at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY ingestion_events FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY ingestion_events
    ADD CONSTRAINT ingestion_events_pkey PRIMARY KEY (owner_id, document_id, version);
ALTER TABLE ONLY ingestion_events
    ADD CONSTRAINT ingestion_events_owner_id_document_id_fkey FOREIGN KEY (owner_id, document_id) REFERENCES documents(owner_id, id) ON DELETE CASCADE;
ALTER TABLE ingestion_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON ingestion_events USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ingestion_events TO lectern_app;

-- ingestion_jobs

CREATE TABLE ingestion_jobs (
    version_id uuid NOT NULL,
    owner_id uuid NOT NULL,
    document_id uuid NOT NULL,
    state text DEFAULT 'QUEUED'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    give_up_after integer NOT NULL,
    worker text,
    lease_expires_at timestamp with time zone,
    available_at timestamp with time zone DEFAULT now() NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ingestion_jobs_lease CHECK (((state = 'RUNNING'::text) = ((worker IS NOT NULL) AND (lease_expires_at IS NOT NULL)))),
    CONSTRAINT ingestion_jobs_state_check CHECK ((state = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text, 'DONE'::text, 'DEAD'::text])))
);
ALTER TABLE ONLY ingestion_jobs
    ADD CONSTRAINT ingestion_jobs_pkey PRIMARY KEY (version_id);
CREATE INDEX ingestion_jobs_document ON ingestion_jobs USING btree (owner_id, document_id);
CREATE UNIQUE INDEX ingestion_jobs_one_at_a_time ON ingestion_jobs USING btree (owner_id, document_id) WHERE (state = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]));
CREATE INDEX ingestion_jobs_unfinished ON ingestion_jobs USING btree (available_at) WHERE (state = ANY (ARRAY['QUEUED'::text, 'RUNNING'::text]));
ALTER TABLE ONLY ingestion_jobs
    ADD CONSTRAINT ingestion_jobs_owner_id_version_id_fkey FOREIGN KEY (owner_id, version_id) REFERENCES document_versions(owner_id, id) ON DELETE CASCADE;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ingestion_jobs TO lectern_app;

-- ingestion_turns

CREATE TABLE ingestion_turns (
    owner_id uuid NOT NULL,
    served_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY ingestion_turns
    ADD CONSTRAINT ingestion_turns_pkey PRIMARY KEY (owner_id);
ALTER TABLE ONLY ingestion_turns
    ADD CONSTRAINT ingestion_turns_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ingestion_turns TO lectern_app;

-- messages

CREATE TABLE messages (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    parent_id uuid,
    role text NOT NULL,
    text text NOT NULL,
    status text NOT NULL,
    client_message_id text,
    document_ids uuid[],
    answerer text,
    grounded boolean,
    sequence integer DEFAULT 0 NOT NULL,
    stop_requested boolean DEFAULT false NOT NULL,
    failure_code text,
    prompt_tokens integer DEFAULT 0 NOT NULL,
    completion_tokens integer DEFAULT 0 NOT NULL,
    rating smallint,
    rating_comment text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    cost numeric(20,6) DEFAULT 0 NOT NULL,
    suggestions text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT messages_rating_check CHECK (((rating >= 1) AND (rating <= 5))),
    CONSTRAINT messages_role_check CHECK ((role = ANY (ARRAY['USER'::text, 'ASSISTANT'::text]))),
    CONSTRAINT messages_status_check CHECK ((status = ANY (ARRAY['STREAMING'::text, 'COMPLETED'::text, 'STOPPED'::text, 'INTERRUPTED'::text, 'FAILED'::text])))
);
ALTER TABLE ONLY messages FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_client_message_key UNIQUE (owner_id, client_message_id);
ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (owner_id, id);
CREATE INDEX messages_conversation ON messages USING btree (owner_id, conversation_id, created_at, id);
CREATE INDEX messages_parent ON messages USING btree (owner_id, parent_id);
ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_owner_id_conversation_id_fkey FOREIGN KEY (owner_id, conversation_id) REFERENCES conversations(owner_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY messages
    ADD CONSTRAINT messages_owner_id_parent_id_fkey FOREIGN KEY (owner_id, parent_id) REFERENCES messages(owner_id, id) DEFERRABLE;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner ON messages USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE messages TO lectern_app;

-- pages

CREATE TABLE pages (
    owner_id uuid NOT NULL,
    version_id uuid NOT NULL,
    number integer NOT NULL,
    start integer NOT NULL,
    text text NOT NULL,
    width real,
    height real,
    words integer[] NOT NULL,
    blocks jsonb DEFAULT '[]'::jsonb NOT NULL,
    language text
);
ALTER TABLE ONLY pages FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY pages
    ADD CONSTRAINT pages_pkey PRIMARY KEY (owner_id, version_id, number);
CREATE POLICY owner ON pages USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
ALTER TABLE pages ENABLE ROW LEVEL SECURITY;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pages TO lectern_app;

-- postings

CREATE TABLE postings (
    owner_id uuid CONSTRAINT postings_owner_id_not_null1 NOT NULL,
    version_id uuid CONSTRAINT postings_version_id_not_null1 NOT NULL,
    first integer NOT NULL,
    term text CONSTRAINT postings_term_not_null1 NOT NULL COLLATE pg_catalog."C",
    entries integer[] NOT NULL
);
ALTER TABLE ONLY postings FORCE ROW LEVEL SECURITY;
CREATE INDEX postings_term ON postings USING btree (owner_id, term);
CREATE INDEX postings_version ON postings USING btree (version_id, first);
CREATE POLICY owner ON postings USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE postings TO lectern_app;

-- purges

CREATE TABLE purges (
    owner_id uuid NOT NULL,
    version_id uuid NOT NULL,
    whole boolean NOT NULL,
    next_ordinal integer DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY purges
    ADD CONSTRAINT purges_pkey PRIMARY KEY (owner_id, version_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE purges TO lectern_app;

-- refresh_sessions

CREATE TABLE refresh_sessions (
    owner_id uuid NOT NULL,
    id uuid NOT NULL,
    family_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone
);
ALTER TABLE ONLY refresh_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY refresh_sessions
    ADD CONSTRAINT refresh_sessions_pkey PRIMARY KEY (owner_id, id);
CREATE INDEX refresh_sessions_family ON refresh_sessions USING btree (owner_id, family_id);
ALTER TABLE ONLY refresh_sessions
    ADD CONSTRAINT refresh_sessions_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE POLICY owner ON refresh_sessions USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
ALTER TABLE refresh_sessions ENABLE ROW LEVEL SECURITY;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE refresh_sessions TO lectern_app;

-- usage_days

CREATE TABLE usage_days (
    owner_id uuid NOT NULL,
    day date NOT NULL,
    answers integer DEFAULT 0 NOT NULL,
    prompt_tokens bigint DEFAULT 0 NOT NULL,
    completion_tokens bigint DEFAULT 0 NOT NULL,
    cost numeric(20,6) DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY usage_days FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY usage_days
    ADD CONSTRAINT usage_days_pkey PRIMARY KEY (owner_id, day);
ALTER TABLE ONLY usage_days
    ADD CONSTRAINT usage_days_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users(id) ON DELETE CASCADE;
CREATE POLICY owner ON usage_days USING ((owner_id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
ALTER TABLE usage_days ENABLE ROW LEVEL SECURITY;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE usage_days TO lectern_app;

-- users

CREATE TABLE users (
    id uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    name text,
    role text DEFAULT 'USER'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_email_check CHECK ((email = lower(email))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['USER'::text, 'ADMIN'::text])))
);
ALTER TABLE ONLY users FORCE ROW LEVEL SECURITY;
ALTER TABLE ONLY users
    ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE ONLY users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE POLICY owner ON users USING (((id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")) OR (email = ( SELECT NULLIF(current_setting('lectern.login_email'::text, true), ''::text) AS "nullif")))) WITH CHECK ((id = ( SELECT (NULLIF(current_setting('lectern.owner_id'::text, true), ''::text))::uuid AS "nullif")));
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE users TO lectern_app;

-- SCHEMA

GRANT USAGE ON SCHEMA public TO lectern_app;

-- SEQUENCE

GRANT USAGE ON SEQUENCE embedding_models_id_seq TO lectern_app;
