import { effect, signal } from "@preact/signals";
import { ENDPOINT, Session, type User } from "../client/session";

export const session = new Session(ENDPOINT);
export const user = signal<User | null>(session.user);
/** Whether the server is reached. */
export const live = signal(true);
session.onChange((next) => {
  user.value = next;
  live.value = true;
});

addEventListener("offline", () => (live.value = false));
addEventListener("online", () => (live.value = true));

export type Theme = "system" | "light" | "dark";
export const theme = signal((localStorage.getItem("lectern.theme") as Theme | null) ?? "system");
effect(() => {
  localStorage.setItem("lectern.theme", theme.value);
  document.documentElement.dataset.theme = theme.value;
});

/** Read out politely by screen readers. */
export const spoken = signal("");
export function say(text: string): void {
  spoken.value = spoken.peek() === text ? `${text}\u00a0` : text;
}

interface Toast { id: number; text: string; bad: boolean }
export const toasts = signal<Toast[]>([]);
let counter = 0;
export function toast(text: string, bad = false): void {
  const id = ++counter;
  toasts.value = [...toasts.value.slice(-2), { id, text, bad }];
  setTimeout(() => dismiss(id), bad ? 9000 : 4000);
}
export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export const wide = signal(matchMedia("(min-width: 60rem)").matches);
matchMedia("(min-width: 60rem)").addEventListener("change", (query) => (wide.value = query.matches));
