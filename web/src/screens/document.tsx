import { useSignal } from "@preact/signals";
import { graphql } from "../../client/graphql";
import { explain, useQuery } from "../data";
import { askAbout } from "../chat";
import { bytes, date, t } from "../i18n";
import { DocumentFields } from "../library";
import { Empty, Spinner } from "../parts/controls";
import { Icon } from "../parts/icons";
import { view } from "../viewer";
import { download } from "./library";

const Document = graphql(
  `
    query Document($id: ID!) {
      document(id: $id) {
        ...DocumentFields
        sha256
        versions { id number isLatest isActive mediaType pageCount byteSize createdAt }
      }
    }
  `,
  [DocumentFields],
);

export function DocumentScreen({ id }: { id: string }) {
  const { data, error, loading, reload } = useQuery(Document, { id });
  const digest = useSignal(false);
  if (loading && !data) return <div class="chat-state"><Spinner />{t("state.loading")}</div>;
  const document = data?.document;
  if (!document) {
    return (
      <Empty icon="file" title={error ? explain(error) : t("document.missing")}>
        {error ? <button type="button" onClick={reload}>{t("action.retry")}</button> : <a class="button" href="/library">{t("nav.library")}</a>}
      </Empty>
    );
  }
  const { failure } = document.progress;
  const readable = document.status === "READY" || document.status === "SEARCHABLE";
  const language = document.language && new Intl.DisplayNames([window.document.documentElement.lang], { type: "language" }).of(document.language);
  return (
    <section class="page" aria-labelledby="document-title">
      <p class="crumb"><a href="/library">{t("nav.library")}</a></p>
      <h1 id="document-title" dir="auto">{document.filename}</h1>
      {failure && <p class="notice bad"><Icon name="warn" />{failure.message} {failure.advice}</p>}
      <div class="actions">
        {readable && (
          <>
            <button type="button" class="primary" onClick={() => askAbout([document])}><Icon name="chat" size={18} />{t("library.ask")}</button>
            <button type="button" onClick={() => view({ place: { document, page: 1 }, places: [] })}><Icon name="book" size={18} />{t("document.open")}</button>
          </>
        )}
        <button type="button" onClick={() => void download(id)}><Icon name="download" size={18} />{t("action.download")}</button>
      </div>
      {document.warnings.length > 0 && (
        <section class="notice warnings" aria-label={t("document.warnings")}>
          <Icon name="warn" />
          <ul>
            {document.warnings.map(({ message, pages }) => (
              <li key={message}>{message} {pages.map((n) => t("page.short", { n })).join(", ")}</li>
            ))}
          </ul>
        </section>
      )}
      <dl class="facts">
        <div><dt>{t("document.status")}</dt><dd>{t(`status.${document.status}`)}</dd></div>
        {document.pageCount !== null && <div><dt>{t("document.pages")}</dt><dd>{t("page.count", { n: document.pageCount })}</dd></div>}
        {language && <div><dt>{t("document.language")}</dt><dd>{language}</dd></div>}
        <div><dt>{t("document.size")}</dt><dd>{bytes(document.byteSize)}</dd></div>
        <div><dt>{t("document.type")}</dt><dd>{document.mediaType}</dd></div>
        <div><dt>{t("document.added")}</dt><dd>{date(document.createdAt, { dateStyle: "long", timeStyle: "short" })}</dd></div>
        <div>
          <dt>SHA-256</dt>
          <dd>{digest.value ? <code>{document.sha256}</code> : <button type="button" class="link" onClick={() => (digest.value = true)}>{t("document.show")}</button>}</dd>
        </div>
      </dl>
      {document.versions.length > 1 && (
        <section class="versions" aria-labelledby="versions-title">
          <h2 id="versions-title">{t("document.versions")}</h2>
          <ul>
            {document.versions.map((version) => (
              <li key={version.id}>
                <button
                  type="button" class="link"
                  onClick={() => view({ place: { document: { ...document, ...version, id: document.id }, version, page: 1 }, places: [] })}
                >
                  {t("document.version", { n: version.number })}
                </button>
                <span class="fine">{date(version.createdAt, { dateStyle: "medium", timeStyle: "short" })} · {bytes(version.byteSize)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </section>
  );
}
