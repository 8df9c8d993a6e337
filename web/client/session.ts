import { print } from "@0no-co/graphql.web";
import type { TadaDocumentNode } from "gql.tada";
import { graphql, type ResultOf } from "./graphql";

export const ENDPOINT = "/graphql";
const KEY = "lectern.session";
const GRACE = 10_000;

const SessionFields = graphql(`
  fragment SessionFields on Session {
    accessToken
    accessTokenExpiresAt
    refreshToken
    user { id email name role }
  }
`);

const Refresh = graphql(
  `
    mutation Refresh($token: String!) {
      refreshSession(refreshToken: $token) {
        __typename
        ...SessionFields
        ... on Error { code message }
      }
    }
  `,
  [SessionFields],
);

const Login = graphql(
  `
    mutation Login($input: LoginInput!) {
      login(input: $input) {
        __typename
        ...SessionFields
        ... on Error { code message }
        ... on RateLimited { retryAfter }
      }
    }
  `,
  [SessionFields],
);

const Register = graphql(
  `
    mutation Register($input: RegisterInput!) {
      register(input: $input) {
        __typename
        ...SessionFields
        ... on Error { code message }
        ... on InvalidInput { field }
      }
    }
  `,
  [SessionFields],
);

const Logout = graphql(`
  mutation Logout($everywhere: Boolean!) {
    logout(everywhere: $everywhere) { everywhere }
  }
`);

export type SessionData = ResultOf<typeof SessionFields>;
export type User = SessionData["user"];
export type Refusal = { code: string; message: string; field?: string; retryAfter?: number };

type Stored = SessionData & { receivedAt: number };
type News = { kind: "session"; session: Stored } | { kind: "end"; userId: string };

/** The network failed, or the server did; trying again may help. */
export class Unreachable extends Error {}

/**
 * Who is signed in. Tokens are refreshed before they expire, by one tab for all of them; the access
 * token stays in memory, the refresh token in the browser's storage for as long as one stays signed in.
 */
export class Session {
  private data: Stored | null = null;
  private refreshing: Promise<string | null> | null = null;
  private listeners = new Set<(user: User | null) => void>();
  private channel = new BroadcastChannel("lectern");

  constructor(private readonly endpoint: string) {
    const kept = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
    if (kept) {
      const { refreshToken, user } = JSON.parse(kept) as Pick<Stored, "refreshToken" | "user">;
      this.data = { refreshToken, user, accessToken: "", accessTokenExpiresAt: "", receivedAt: 0 };
    }
    this.channel.onmessage = ({ data: news }: MessageEvent<News>) => this.hear(news);
  }

  get user(): User | null {
    return this.data?.user ?? null;
  }

  /** Calls back at every sign-in and sign-out, of other tabs too. */
  onChange(listener: (user: User | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Null when signed in; otherwise why not. */
  async login(email: string, password: string, stay: boolean): Promise<Refusal | null> {
    return this.begin((await this.send(Login, { input: { email, password } })).login, stay);
  }

  async register(
    email: string,
    password: string,
    name: string | null,
    stay: boolean,
  ): Promise<Refusal | null> {
    const { register } = await this.send(Register, { input: { email, password, name } });
    return this.begin(register, stay);
  }

  async logout(everywhere = false): Promise<void> {
    try {
      await this.send(Logout, { everywhere }, await this.token());
    } finally {
      this.end();
    }
  }

  /** Forget the session here and in the other tabs, without asking the server. */
  end(): void {
    const userId = this.data?.user.id;
    this.forget();
    if (userId) this.channel.postMessage({ kind: "end", userId } satisfies News);
  }

  /** Whether the access token should be replaced before it is used. */
  get stale(): boolean {
    if (!this.data) return false;
    const expires = Date.parse(this.data.accessTokenExpiresAt) || 0;
    const life = expires - this.data.receivedAt;
    return Date.now() > expires - Math.min(life / 3, 30_000);
  }

  /** A token that is good for a while yet; null when signed out. Throws `Unreachable`. */
  async token(): Promise<string | null> {
    return this.stale ? this.refresh() : (this.data?.accessToken ?? null);
  }

  /** The current token, whatever is left of it. */
  get current(): string | null {
    return this.data?.accessToken || null;
  }

  /** A new token; calls made meanwhile share it. Throws `Unreachable`. */
  refresh(): Promise<string | null> {
    this.refreshing ??= this.locked(() => this.exchange()).finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  private async exchange(): Promise<string | null> {
    if (!this.data) return null;
    if (Date.now() - this.data.receivedAt < Math.min(GRACE, 1000) && !this.stale) {
      return this.data.accessToken; // another tab was quicker
    }
    const used = this.data.refreshToken;
    const { refreshSession: result } = await this.send(Refresh, { token: used });
    if (!result) throw new Unreachable();
    if (result.__typename === "Session") this.adopt(result);
    else if (this.data?.refreshToken === used) this.end();
    return this.current;
  }

  private locked<T>(work: () => Promise<T>): Promise<T> {
    return navigator.locks ? (navigator.locks.request(KEY, work) as Promise<T>) : work();
  }

  private begin(
    result: ({ __typename: "Session" } & SessionData) | ({ __typename: string } & Refusal) | null,
    stay: boolean,
  ): Refusal | null {
    if (!result) throw new Unreachable();
    if (!("accessToken" in result)) return result;
    const storage = stay ? localStorage : sessionStorage;
    storage.setItem(KEY, "{}");
    this.adopt(result);
    return null;
  }

  private adopt({ accessToken, accessTokenExpiresAt, refreshToken, user }: SessionData): void {
    const receivedAt = Date.now();
    const session = { accessToken, accessTokenExpiresAt, refreshToken, user, receivedAt };
    this.take(session);
    this.channel.postMessage({ kind: "session", session } satisfies News);
  }

  private take(session: Stored): void {
    const before = this.data?.user.id;
    this.data = session;
    const { refreshToken, user } = session;
    const storage = sessionStorage.getItem(KEY) ? sessionStorage : localStorage;
    storage.setItem(KEY, JSON.stringify({ refreshToken, user }));
    if (before !== user.id) this.tell();
  }

  private forget(): void {
    this.data = null;
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    this.tell();
  }

  private hear(news: News): void {
    const same = (id: string) => this.data?.user.id === id;
    if (news.kind === "end" && same(news.userId)) this.forget();
    if (news.kind === "session") {
      const shared = !this.data && localStorage.getItem(KEY);
      if (same(news.session.user.id) || shared) this.take(news.session);
    }
  }

  private tell(): void {
    for (const listener of this.listeners) listener(this.user);
  }

  private async send<Result, Variables>(
    operation: TadaDocumentNode<Result, Variables>,
    variables: Variables,
    token: string | null = null,
  ): Promise<Result> {
    try {
      const response = await fetch(this.endpoint, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/graphql-response+json",
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
        body: JSON.stringify({ query: print(operation as never), variables }),
      });
      const { data, errors } = (await response.json()) as { data?: Result; errors?: Error[] };
      if (data && !errors) return data;
      throw new Error(errors?.[0]?.message);
    } catch (error) {
      throw new Unreachable(error instanceof Error ? error.message : String(error));
    }
  }
}
