"""Postings of 256 chunks in a row, and graphs over the vectors of large libraries."""

from db.migrate import run_script, wall

revision = "0002"
down_revision = "0001"

DIMENSIONS = (384, 768, 1024, 1536, 3072)


def upgrade() -> None:
    run_script(
        f"""
ALTER TABLE postings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE postings RENAME TO postings_one_by_one;

-- The inverted index: in which of 256 successive chunks, from ordinal `first` on, a term stands.
-- An entry has the chunk's place among them in 8 bits, the term's frequency in 7 and the chunk's
-- length in 16. Without a primary key, which would add half to its size: these indexes name each
-- value once. Rows go with their chunks.
CREATE TABLE postings (
  owner_id uuid NOT NULL,
  version_id uuid NOT NULL,
  first integer NOT NULL,
  term text COLLATE "C" NOT NULL,
  entries integer[] NOT NULL
);
INSERT INTO postings
SELECT owner_id, version_id, ordinal / 256 * 256, term, array_agg(
  (ordinal % 256 << 23) | (least(frequency, 127)::integer << 16) | length::integer ORDER BY ordinal)
FROM postings_one_by_one GROUP BY 1, 2, 3, 4;
CREATE INDEX postings_term ON postings (owner_id, term);
CREATE INDEX postings_version ON postings (owner_id, version_id, first);
{wall("postings")}
DROP TABLE postings_one_by_one;

CREATE OR REPLACE FUNCTION delete_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM postings
  WHERE (owner_id, version_id, first) IN (
    SELECT DISTINCT owner_id, version_id, ordinal / 256 * 256 FROM old_chunks);
  RETURN NULL;
END $$;
ALTER TABLE chunks DROP COLUMN terms;

-- Of large libraries alone: one graph for each length of vectors, and what is not in it yet.
ALTER TABLE chunk_vectors ADD COLUMN in_graph boolean NOT NULL DEFAULT false;
CREATE INDEX chunk_vectors_outside ON chunk_vectors (owner_id, model_id) WHERE NOT in_graph;
"""
    )
    for dimensions in DIMENSIONS:
        run_script(
            f"CREATE INDEX chunk_vectors_graph_{dimensions} ON chunk_vectors"
            f" USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops)"
            f" WHERE in_graph AND vector_dims(embedding) = {dimensions}"
        )


def downgrade() -> None:
    run_script(
        f"""
{"".join(f"DROP INDEX chunk_vectors_graph_{dimensions};" for dimensions in DIMENSIONS)}
DROP INDEX chunk_vectors_outside;
ALTER TABLE chunk_vectors DROP COLUMN in_graph;

ALTER TABLE postings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE postings RENAME TO postings_in_rows;
CREATE TABLE postings (
  owner_id uuid NOT NULL,
  term text COLLATE "C" NOT NULL,
  version_id uuid NOT NULL,
  ordinal integer NOT NULL,
  frequency smallint NOT NULL,
  length smallint NOT NULL,
  PRIMARY KEY (owner_id, term, version_id, ordinal) INCLUDE (frequency, length)
);
INSERT INTO postings
SELECT owner_id, term, version_id, first + (entry >> 23), entry >> 16 & 127,
  least(entry & 65535, 32767)
FROM postings_in_rows, unnest(entries) AS entry;
DROP TABLE postings_in_rows;

ALTER TABLE chunks ADD COLUMN terms text[] NOT NULL DEFAULT '{{}}', NO FORCE ROW LEVEL SECURITY;
UPDATE chunks c SET terms = p.terms
FROM (SELECT owner_id, version_id, ordinal, array_agg(term) AS terms FROM postings GROUP BY 1, 2, 3)
  AS p
WHERE (c.owner_id, c.version_id, c.ordinal) = (p.owner_id, p.version_id, p.ordinal);
ALTER TABLE chunks ALTER COLUMN terms DROP DEFAULT, FORCE ROW LEVEL SECURITY;
{wall("postings")}
CREATE OR REPLACE FUNCTION delete_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM postings p USING old_chunks c, unnest(c.terms) AS t(term)
  WHERE p.owner_id = c.owner_id AND p.term = t.term
    AND p.version_id = c.version_id AND p.ordinal = c.ordinal;
  RETURN NULL;
END $$;
"""
    )
