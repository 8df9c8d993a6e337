import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { graphql } from "../client/graphql";
import { live, session, toast, user, wide } from "./app";
import { chat, openChat } from "./chat";
import { useQuery } from "./data";
import { t, type Key } from "./i18n";
import { lazy } from "./lazy";
import { filesOf, send } from "./library";
import { Menu } from "./parts/controls";
import { Icon, Logo, type IconName } from "./parts/icons";
import { go, route, type Route } from "./router";
import { viewing } from "./viewer";

const ChatScreen = lazy(() => import("./screens/chat").then((module) => module.ChatScreen));
const LibraryScreen = lazy(() => import("./screens/library").then((module) => module.LibraryScreen));
const Viewer = lazy(() => import("./viewer/viewer").then((module) => module.Viewer));
const DocumentScreen = lazy<{ id: string }>(() => import("./screens/document").then((module) => module.DocumentScreen));
const Conversations = lazy(() => import("./screens/conversations").then((module) => module.Conversations));
const SearchScreen = lazy(() => import("./screens/search").then((module) => module.SearchScreen));
const Settings = lazy(() => import("./screens/settings").then((module) => module.Settings));

const TITLES: Record<Route["screen"], Key> = {
  chat: "nav.chat",
  chats: "nav.chats",
  library: "nav.library",
  document: "nav.library",
  search: "nav.search",
  settings: "nav.settings",
};

/** Everything that one sees when signed in. */
export function Frame() {
  const where = route.value;
  const title = chat.value.title.value;
  useEffect(() => {
    if (where.screen !== "chat") viewing.value = null;
    else if (where.id !== null || chat.peek().id.peek() !== null) openChat(where.id);
  }, [where]);
  useEffect(() => {
    if (route.peek().screen === "chat" && !chat.peek().id.peek()) chat.peek().resend(null);
    return () => {
      viewing.value = null;
      openChat(null);
    };
  }, []);
  useEffect(() => {
    document.title = `${(where.screen === "chat" && title) || t(TITLES[where.screen])} – Lectern`;
  }, [where, title]);
  const open = viewing.value !== null;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [where.screen]);
  return (
    <div class={`app ${open ? "viewer-open" : ""}`}>
      <a class="skip" href="#main" data-away="">{t("nav.skip")}</a>
      <Sidebar where={where} />
      <main id="main" ref={main} tabIndex={-1}>
        {!live.value && <p class="offline" role="status"><Icon name="retry" size={16} />{t("state.offline")}</p>}
        <Screen where={where} />
      </main>
      {open && <Viewer />}
      <DropZone />
    </div>
  );
}

function Screen({ where }: { where: Route }) {
  switch (where.screen) {
    case "chat":
      return <ChatScreen />;
    case "chats":
      return <Conversations />;
    case "library":
      return <LibraryScreen />;
    case "document":
      return <DocumentScreen key={where.id} id={where.id} />;
    case "search":
      return <SearchScreen />;
    case "settings":
      return <Settings />;
  }
}

const Recent = graphql(`
  query Recent {
    conversations(first: 20) {
      edges { cursor node { id title updatedAt } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

function Sidebar({ where }: { where: Route }) {
  const link = (path: string, icon: IconName, key: Key, current: boolean, onClick?: () => void) => (
    <a href={path} aria-current={current ? "page" : undefined} onClick={onClick}>
      <Icon name={icon} /><span>{t(key)}</span>
    </a>
  );
  const { screen } = where;
  const inChat = screen === "chat";
  return (
    <header class="sidebar">
      <a class="brand" href="/" onClick={() => openChat(null)}><Logo /><span>Lectern</span></a>
      <nav aria-label={t("nav.main")}>
        {link("/", "plus", "nav.new", inChat && where.id === null, () => openChat(null))}
        {link("/library", "book", "nav.library", screen === "library" || screen === "document")}
        {link("/search", "search", "nav.search", screen === "search")}
        {link("/chats", "history", "nav.chats", screen === "chats" || (!wide.value && inChat && where.id !== null))}
        {!wide.value && link("/settings", "gear", "nav.settings", screen === "settings")}
      </nav>
      {wide.value && <RecentChats current={inChat ? where.id : null} />}
      {wide.value && (
        <div class="account">
          <a href="/settings" aria-current={screen === "settings" ? "page" : undefined}>
            <span class="avatar" aria-hidden="true">{(user.value!.name || user.value!.email).charAt(0).toUpperCase()}</span>
            <span class="account-name">{user.value!.name || user.value!.email}</span>
          </a>
          <Menu
            label={t("nav.account")}
            choices={[
              { label: t("nav.settings"), icon: "gear", act: () => go("/settings") },
              { label: t("nav.api"), icon: "code", act: () => location.assign("/graphql") },
              { label: t("settings.logout"), icon: "out", act: () => void session.logout().catch(() => toast(t("error.network"), true)) },
            ]}
          />
        </div>
      )}
    </header>
  );
}

function RecentChats({ current }: { current: string | null }) {
  const { data, reload } = useQuery(Recent, {});
  const title = chat.value.title.value;
  useEffect(() => {
    if (title) reload();
  }, [title, chat.value.id.value]);
  const nodes = data?.conversations?.edges.map(({ node }) => node) ?? [];
  if (!nodes.length) return <div class="recent" />;
  return (
    <nav class="recent" aria-labelledby="recent-title">
      <h2 id="recent-title">{t("nav.recent")}</h2>
      <ul>
        {nodes.slice(0, 20).map(({ id, title }) => (
          <li key={id}>
            <a href={`/chats/${id}`} dir="auto" aria-current={id === current ? "page" : undefined}>{title}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Files may be dropped anywhere. */
function DropZone() {
  const over = useSignal(false);
  useEffect(() => {
    let depth = 0;
    const files = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
    const on = {
      dragenter: (event: DragEvent) => files(event) && (event.preventDefault(), (over.value = ++depth > 0)),
      dragover: (event: DragEvent) => files(event) && event.preventDefault(),
      dragleave: (event: DragEvent) => files(event) && (over.value = --depth > 0),
      drop: (event: DragEvent) => {
        if (!files(event)) return;
        event.preventDefault();
        depth = 0;
        over.value = false;
        void filesOf(event.dataTransfer!).then((found) => {
          send(found);
          if (found.length) go("/library");
        });
      },
    };
    for (const [name, listener] of Object.entries(on)) addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(on)) removeEventListener(name, listener as EventListener);
    };
  }, []);
  if (!over.value) return null;
  return <div class="drop"><div><Icon name="upload" size={40} /><p>{t("library.drop")}</p></div></div>;
}
