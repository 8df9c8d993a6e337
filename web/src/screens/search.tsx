import { useSignal } from "@preact/signals";
import { graphql, type ResultOf } from "../../client/graphql";
import { explain, useQuery } from "../data";
import { number, t } from "../i18n";
import { Empty, Spinner } from "../parts/controls";
import { Icon } from "../parts/icons";
import { shortName, view } from "../viewer";

const Search = graphql(`
  query Search($query: String!, $first: Int!) {
    search(query: $query, first: $first) {
      id text pageNumber score
      document { id filename mediaType pageCount }
      spans { page start end }
      boxes { page x y width height }
      trace { lexicalRank lexicalScore semanticRank similarity }
    }
  }
`);
type Hit = NonNullable<ResultOf<typeof Search>["search"]>[number];
const FIRST = 20;

export function SearchScreen() {
  const query = useSignal(new URLSearchParams(location.search).get("q") ?? "");
  const asked = useSignal(query.value);
  const { data, error, loading } = useQuery(Search, { query: asked.value, first: FIRST }, { pause: !asked.value.trim() });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    asked.value = query.value.trim();
    history.replaceState(null, "", asked.value ? `/search?q=${encodeURIComponent(asked.value)}` : "/search");
  };
  return (
    <section class="page search" aria-labelledby="search-title">
      <h1 id="search-title">{t("search.title")}</h1>
      <form class="search-form" role="search" onSubmit={submit}>
        <label class="search-box">
          <Icon name="search" />
          <input
            type="search" dir="auto" aria-label={t("search.words")} placeholder={t("search.words")} value={query.value}
            onInput={(event) => (query.value = event.currentTarget.value)}
          />
        </label>
        <button class="primary">{t("nav.search")}</button>
      </form>
      {!asked.value && <p class="lead">{t("search.lead")}</p>}
      {loading && <div class="chat-state" role="status"><Spinner />{t("search.looking")}</div>}
      {error && <Empty icon="warn" title={explain(error)} />}
      {asked.value && data?.search && !loading && !data.search.length && <Empty icon="search" title={t("search.none")} />}
      {asked.value && data?.search && !loading && (
        <ol class="hits">{data.search.map((hit) => <HitView key={hit.id} hit={hit} words={asked.value} all={data.search!} />)}</ol>
      )}
    </section>
  );
}

function HitView({ hit, words, all }: { hit: Hit; words: string; all: Hit[] }) {
  const { document, pageNumber, text, trace } = hit;
  const open = () => {
    const places = all.map(placeOf);
    view({ place: places[all.indexOf(hit)]!, places });
  };
  return (
    <li class="hit">
      <button type="button" class="hit-open" onClick={open}>
        <span dir="auto">{shortName(document.filename)}</span><span>{t("page.short", { n: pageNumber })}</span>
      </button>
      <p dir="auto">{emphasised(text.replace(/^#+ /gm, "").replace(/\n{2,}/g, "\n"), words)}</p>
      <details>
        <summary>{t("search.why")}</summary>
        <dl class="trace">
          {trace.lexicalRank !== null && <Bar label={t("search.lexical", { n: trace.lexicalRank })} share={1 / Math.sqrt(trace.lexicalRank)} value={trace.lexicalScore} />}
          {trace.semanticRank !== null && <Bar label={t("search.semantic", { n: trace.semanticRank })} share={1 / Math.sqrt(trace.semanticRank)} value={trace.similarity} />}
        </dl>
      </details>
    </li>
  );
}

const Bar = ({ label, share, value }: { label: string; share: number; value: number | null }) => (
  <div>
    <dt>{label}</dt>
    <dd><meter value={share} aria-label={label} />{value !== null && <span>{number(value, { maximumFractionDigits: 2 })}</span>}</dd>
  </div>
);

function placeOf({ document, pageNumber: page, spans, boxes }: Hit) {
  const [span] = spans;
  return { document, page: span?.page ?? page, span: span && { start: span.start, end: span.end }, boxes };
}

/** The words of the question, and what begins like them, set off. */
function emphasised(text: string, words: string) {
  const stems = (words.match(/[\p{L}\p{N}]{3,}/gu) ?? []).map((word) => (word.length > 5 ? word.slice(0, -2) : word));
  if (!stems.length) return text;
  const escaped = stems.map((stem) => stem.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`((?<![\\p{L}\\p{N}])(?:${escaped.join("|")})[\\p{L}\\p{N}]*)`, "giu"))
    .map((part, i) => (i % 2 ? <b key={i}>{part}</b> : part));
}
