import { useSignal, type Signal } from "@preact/signals";
import { graphql } from "../../client/graphql";
import { useQuery } from "../data";
import type { Chosen } from "../chat";
import { t } from "../i18n";
import { Dialog, Spinner } from "./controls";
import { Icon } from "./icons";

const Candidates = graphql(`
  query Candidates($search: String) {
    documents(first: 50, status: [READY, SEARCHABLE], search: $search) {
      edges { cursor node { id filename } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

/** Which documents the next question is limited to, as removable tags, and a dialog to choose more. */
export function ScopePicker({ scope }: { scope: Signal<Chosen[]> }) {
  const open = useSignal(false);
  return (
    <div class="scope">
      <button type="button" class="scope-add" onClick={() => (open.value = true)}>
        <Icon name="book" size={18} />
        {scope.value.length ? t("scope.change") : t("scope.all")}
      </button>
      {scope.value.map((document) => (
        <span class="tag" key={document.id}>
          <span dir="auto">{document.filename}</span>
          <button
            type="button" aria-label={t("scope.remove", { name: document.filename })}
            onClick={() => (scope.value = scope.value.filter(({ id }) => id !== document.id))}
          >
            <Icon name="close" size={14} />
          </button>
        </span>
      ))}
      {open.value && <Picker scope={scope} onClose={() => (open.value = false)} />}
    </div>
  );
}

function Picker({ scope, onClose }: { scope: Signal<Chosen[]>; onClose(): void }) {
  const search = useSignal("");
  const { data, loading } = useQuery(Candidates, { search: search.value.trim() || null });
  const chosen = new Set(scope.value.map(({ id }) => id));
  return (
    <Dialog title={t("scope.title")} onClose={onClose}>
      <input
        type="search" aria-label={t("library.find")} placeholder={t("library.find")} value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
      <ul class="picker">
        {data?.documents?.edges.map(({ node: { id, filename } }) => (
          <li key={id}>
            <label>
              <input
                type="checkbox" checked={chosen.has(id)}
                onChange={({ currentTarget: { checked } }) =>
                  (scope.value = checked ? [...scope.value, { id, filename }] : scope.value.filter((one) => one.id !== id))
                }
              />
              <span dir="auto">{filename}</span>
            </label>
          </li>
        ))}
      </ul>
      {loading && !data && <Spinner />}
      <footer>
        <button type="button" class="quiet" onClick={() => (scope.value = [])}>{t("scope.all")}</button>
        <button type="button" class="primary" onClick={onClose}>{t("action.done")}</button>
      </footer>
    </Dialog>
  );
}
