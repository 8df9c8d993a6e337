import { signal } from "@preact/signals";

export type Route =
  | { screen: "chat"; id: string | null }
  | { screen: "chats" | "library" | "search" | "settings" }
  | { screen: "document"; id: string };

export const route = signal<Route>(read());

function read(): Route {
  const [first, id] = location.pathname.split("/").slice(1).map(decodeURIComponent);
  if (first === "chats") return id ? { screen: "chat", id } : { screen: "chats" };
  if (first === "documents" && id) return { screen: "document", id };
  if (first === "library" || first === "search" || first === "settings") return { screen: first };
  return { screen: "chat", id: null };
}

export function go(path: string, replace = false): void {
  if (path !== location.pathname + location.search) {
    history[replace ? "replaceState" : "pushState"](null, "", path);
  }
  route.value = read();
}

addEventListener("popstate", () => (route.value = read()));
document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest?.("a[href^='/']");
  const plain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (!link || !plain || link.hasAttribute("download") || link.hasAttribute("data-away")) return;
  event.preventDefault();
  go(link.getAttribute("href")!);
});
