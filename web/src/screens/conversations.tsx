import { useSignal } from "@preact/signals";
import { graphql } from "../../client/graphql";
import { MessageFields } from "../../client/chat";
import { toast } from "../app";
import { accepted, api, explain, mutate, useQuery } from "../data";
import { chat, openChat, withFootnotes } from "../chat";
import { date, day, t } from "../i18n";
import { Confirm, Dialog, Empty, Field, Menu, Spinner } from "../parts/controls";

const All = graphql(`
  query Conversations($after: String) {
    conversations(first: 50, after: $after) {
      edges { cursor node { id title updatedAt } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);
const Delete = graphql(`
  mutation DeleteConversation($id: ID!) {
    deleteConversation(id: $id) { __typename ... on Error { message } }
  }
`);
const Rename = graphql(`
  mutation RenameConversation($input: RenameConversationInput!) {
    renameConversation(input: $input) {
      __typename
      ... on RenamedConversation { conversation { id title } }
      ... on Error { message }
    }
  }
`);
const Whole = graphql(
  `
    query Whole($id: ID!, $after: String) {
      conversation(id: $id) {
        id
        messages(first: 100, after: $after) { nodes { ...MessageFields } pageInfo { hasNextPage endCursor } }
      }
    }
  `,
  [MessageFields],
);

interface One { id: string; title: string; updatedAt: string }

export function Conversations() {
  const after = useSignal<string | null>(null);
  const search = useSignal("");
  const renaming = useSignal<One | null>(null);
  const deleting = useSignal<One | null>(null);
  const { data, error, loading, reload } = useQuery(All, { after: after.value });
  const wanted = search.value.trim().toLowerCase();
  const found = data?.conversations?.edges.map(({ node }) => node).filter((one) => one?.title.toLowerCase().includes(wanted)) ?? [];
  const { hasNextPage, endCursor } = data?.conversations?.pageInfo ?? {};

  const remove = async ({ id }: One) => {
    deleting.value = null;
    const done = await mutate(Delete, { id });
    if (!accepted(done?.deleteConversation)) return;
    if (chat.peek().id.peek() === id) openChat(null);
    reload();
  };
  return (
    <section class="page" aria-labelledby="chats-title">
      <header class="page-head"><h1 id="chats-title">{t("nav.chats")}</h1></header>
      <div class="toolbar">
        <input type="search" aria-label={t("chats.find")} placeholder={t("chats.find")} value={search.value} onInput={(event) => (search.value = event.currentTarget.value)} />
      </div>
      {error && !data?.conversations && <Empty icon="warn" title={explain(error)}><button type="button" onClick={reload}>{t("action.retry")}</button></Empty>}
      {loading && !data && <div class="chat-state"><Spinner />{t("state.loading")}</div>}
      {data?.conversations && !found.length && (
        <Empty icon="history" title={wanted ? t("chats.none_found") : t("chats.empty")}>
          {!wanted && <a class="button primary" href="/">{t("nav.new")}</a>}
        </Empty>
      )}
      {byDay(found).map(([heading, some]) => (
        <section key={heading} class="day" aria-label={heading}>
          <h2>{heading}</h2>
          <ul>
            {some.map((one) => (
              <li class="conversation" key={one.id}>
                <a href={`/chats/${one.id}`} dir="auto">{one.title}</a>
                <time dateTime={one.updatedAt}>{date(one.updatedAt, { timeStyle: "short" })}</time>
                <Menu
                  label={t("action.more", { name: one.title })}
                  choices={[
                    { label: t("action.rename"), icon: "edit", act: () => (renaming.value = one) },
                    { label: t("chats.export"), icon: "download", act: () => void exportMarkdown(one) },
                    { label: t("action.delete"), icon: "trash", danger: true, act: () => (deleting.value = one) },
                  ]}
                />
              </li>
            ))}
          </ul>
        </section>
      ))}
      {hasNextPage && <button type="button" onClick={() => (after.value = endCursor ?? null)}>{t("action.show_more")}</button>}
      {deleting.value && (
        <Confirm
          title={t("chats.delete_title")} text={t("chats.delete_text", { name: deleting.value.title })} action={t("action.delete")}
          onYes={() => void remove(deleting.value!)} onNo={() => (deleting.value = null)}
        />
      )}
      {renaming.value && (
        <Dialog title={t("action.rename")} onClose={() => (renaming.value = null)} class="small">
          <form
            onSubmit={async (event) => {
              event.preventDefault();
              const title = String(new FormData(event.currentTarget).get("title"));
              const done = await mutate(Rename, { input: { id: renaming.value!.id, title } });
              if (accepted(done?.renameConversation)) renaming.value = null;
            }}
          >
            <Field label={t("chats.title")} name="title" defaultValue={renaming.value.title} required maxLength={200} dir="auto" />
            <footer>
              <button type="button" class="quiet" onClick={() => (renaming.value = null)}>{t("action.cancel")}</button>
              <button class="primary">{t("action.rename")}</button>
            </footer>
          </form>
        </Dialog>
      )}
    </section>
  );
}

/** Conversations under the day on which they went on last. */
function byDay(all: One[]): [string, One[]][] {
  const days = new Map<string, One[]>();
  for (const one of all) {
    const heading = day(one.updatedAt);
    days.set(heading, [...(days.get(heading) ?? []), one]);
  }
  return [...days];
}

/** Everything that was asked and answered, with footnotes. */
async function exportMarkdown({ id, title }: One): Promise<void> {
  const parts = [`# ${title}`];
  let after: string | null = null;
  do {
    const result = await api.value.urql.query(Whole, { id, after }, { requestPolicy: "network-only" }).toPromise();
    const messages: NonNullable<NonNullable<typeof result.data>["conversation"]>["messages"] | undefined = result.data?.conversation?.messages;
    if (!messages) return toast(explain(result.error), true);
    for (const message of messages.nodes) {
      if (message.role === "USER") parts.push(`## ${message.text}`);
      else parts.push(withFootnotes(message).replace(/\[\^(\d+)\]/g, `[^${parts.length}-$1]`));
    }
    after = messages.pageInfo.hasNextPage ? messages.pageInfo.endCursor : null;
  } while (after);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([parts.join("\n\n")], { type: "text/markdown" }));
  link.download = `${title.replace(/[\\/:*?"<>|]/g, " ").slice(0, 80)}.md`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
