/** @jsxImportSource react */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./graphiql.css";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { ENDPOINT, Session } from "../client/session";

const session = new Session(ENDPOINT);
const operations = Object.entries(
  import.meta.glob<string>("./operations/*.graphql", { query: "?raw", import: "default", eager: true }),
)
  .sort(([a], [b]) => a.localeCompare(b))
  .map(([, query]) => ({ query }));

let file: File | null = null;

const authorized: typeof fetch = async (url, init) => {
  const headers = new Headers(init?.headers);
  const token = headers.has("authorization") ? null : await session.token();
  if (token) headers.set("authorization", `Bearer ${token}`);
  return fetch(url, withFile({ ...init, headers }));
};

/** The chosen file takes the place of the operation's `Upload` variable (GraphQL multipart request). */
function withFile(init: RequestInit & { headers: Headers }): RequestInit {
  const operation = JSON.parse(String(init.body)) as { query: string; variables?: Record<string, unknown> };
  const name = /\$(\w+)\s*:\s*Upload\b/.exec(operation.query)?.[1];
  if (!name || !file) return init;
  const form = new FormData();
  form.append("operations", JSON.stringify({ ...operation, variables: { ...operation.variables, [name]: null } }));
  form.append("map", JSON.stringify({ 0: [`variables.${name}`] }));
  form.append("0", file);
  init.headers.delete("content-type");
  init.headers.set("graphql-preflight", "1");
  return { ...init, body: form };
}

const fetcher = createGraphiQLFetcher({
  url: ENDPOINT,
  fetch: authorized,
  wsClient: createClient({
    url: new URL(ENDPOINT, location.href).href.replace(/^http/, "ws"),
    connectionParams: async () => ({ authorization: `Bearer ${await session.token()}` }),
    shouldRetry: () => session.user !== null,
    retryAttempts: 20,
  }),
});

function Explorer() {
  const user = useSyncExternalStore((tell) => session.onChange(tell), () => session.user);
  const [chosen, setChosen] = useState("");
  return (
    <GraphiQL
      fetcher={fetcher} defaultTabs={operations} shouldPersistHeaders={false} showPersistHeadersSettings={false}
      defaultEditorToolsVisibility={false}
    >
      <GraphiQL.Logo>
        <a className="lectern" href="/">Lectern</a>
      </GraphiQL.Logo>
      <GraphiQL.Footer>
        <div className="lectern-bar">
          {user ? (
            <span>Signed in as {user.email}</span>
          ) : (
            <span>Not signed in. <a href="/">Sign in</a>, and come back here.</span>
          )}
          <label>
            {chosen || "Choose a file to upload"}
            <input
              type="file"
              onChange={(event) => {
                file = event.target.files?.[0] ?? null;
                setChosen(file?.name ?? "");
              }}
            />
          </label>
          <a href="/schema.graphql" download="lectern.graphql">Schema</a>
        </div>
      </GraphiQL.Footer>
    </GraphiQL>
  );
}

createRoot(document.getElementById("graphiql")!).render(<Explorer />);
