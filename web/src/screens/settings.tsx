import { useSignal } from "@preact/signals";
import { graphql } from "../../client/graphql";
import { session, toast, user } from "../app";
import { accepted, mutate, useQuery } from "../data";
import { copyText } from "../chat";
import { bytes, date, number, t } from "../i18n";
import { Dialog, Field, IconButton } from "../parts/controls";
import { Icon } from "../parts/icons";
import { Preferences } from "../parts/preferences";

const Account = graphql(`
  query Account {
    usage {
      documentCount documentLimit storedBytes storedBytesLimit answersToday dailyAnswerLimit
      month { endsAt answerCount promptTokens completionTokens tokenLimit cost }
    }
    apiKeys { id name createdAt expiresAt revokedAt }
  }
`);
const Create = graphql(`
  mutation CreateKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      __typename
      ... on CreatedApiKey { secret apiKey { id } }
      ... on Error { message }
    }
  }
`);
const Revoke = graphql(`
  mutation RevokeKey($id: ID!) {
    revokeApiKey(id: $id) {
      __typename
      ... on RevokedApiKey { apiKey { id revokedAt } }
      ... on Error { message }
    }
  }
`);
const DeleteAccount = graphql(`
  mutation DeleteAccount($password: String!) {
    deleteAccount(password: $password) { __typename ... on Error { message } }
  }
`);

export function Settings() {
  const { data, reload } = useQuery(Account, {});
  return (
    <section class="page settings" aria-labelledby="settings-title">
      <h1 id="settings-title">{t("nav.settings")}</h1>
      <section class="panel">
        <h2>{t("settings.you")}</h2>
        <div class="you">
          <p><strong>{user.value?.name}</strong><span>{user.value?.email}</span></p>
          <button type="button" onClick={() => void session.logout().catch(() => {})}><Icon name="out" size={18} />{t("settings.logout")}</button>
          <button type="button" class="quiet" onClick={() => void session.logout(true).catch(() => {})}>{t("settings.logout_all")}</button>
        </div>
        <Preferences />
      </section>
      {data?.usage && <UsagePanel usage={data.usage} />}
      {data?.apiKeys && <Keys keys={data.apiKeys} onChange={reload} />}
      <section class="panel">
        <h2>{t("settings.developers")}</h2>
        <p>{t("settings.developers_text")}</p>
        <p class="actions">
          <a class="button" href="/graphql" data-away=""><Icon name="code" size={18} />GraphiQL</a>
          <a class="button" href="/schema.graphql" download="lectern.graphql"><Icon name="download" size={18} />{t("settings.schema")}</a>
        </p>
      </section>
      <Danger />
    </section>
  );
}

interface Used {
  documentCount: number; documentLimit: number; storedBytes: number; storedBytesLimit: number;
  answersToday: number; dailyAnswerLimit: number | null;
  month: { answerCount: number; promptTokens: number; completionTokens: number; tokenLimit: number | null; cost: string };
}

function UsagePanel({ usage: { month, ...usage } }: { usage: Used }) {
  const tokens = month.promptTokens + month.completionTokens;
  return (
    <section class="panel">
      <h2>{t("settings.usage")}</h2>
      <dl class="usage">
        <Amount label={t("usage.documents")} value={usage.documentCount} of={usage.documentLimit} />
        <Amount label={t("usage.storage")} value={usage.storedBytes} of={usage.storedBytesLimit} show={bytes} />
        <Amount label={t("usage.answers_today")} value={usage.answersToday} of={usage.dailyAnswerLimit} />
        <Amount label={t("usage.answers_month")} value={month.answerCount} of={null} />
        {(tokens > 0 || month.tokenLimit !== null) && <Amount label={t("usage.tokens")} value={tokens} of={month.tokenLimit} />}
        {Number(month.cost) > 0 && <Amount label={t("usage.cost")} value={Number(month.cost)} of={null} />}
      </dl>
    </section>
  );
}

function Amount({ label, value, of, show = number }: { label: string; value: number; of: number | null; show?: (value: number) => string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {of === null ? show(value) : t("usage.of", { used: show(value), limit: show(of) })}
        {of !== null && <meter aria-label={label} value={value} max={of} high={of * 0.9} />}
      </dd>
    </div>
  );
}

interface Key { id: string; name: string; createdAt: string; expiresAt: string | null; revokedAt: string | null }

function Keys({ keys, onChange }: { keys: Key[]; onChange(): void }) {
  const secret = useSignal<string | null>(null);
  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const done = await mutate(Create, { input: { name: String(new FormData(form).get("name")) } });
    const result = done?.createApiKey;
    if (!accepted(result) || result.__typename !== "CreatedApiKey") return;
    form.reset();
    secret.value = result.secret;
    onChange();
  };
  const revoke = async (id: string) => {
    if (accepted((await mutate(Revoke, { id }))?.revokeApiKey)) onChange();
  };
  const valid = keys.filter(({ revokedAt }) => revokedAt === null);
  return (
    <section class="panel">
      <h2>{t("settings.keys")}</h2>
      <p>{t("settings.keys_text")}</p>
      {valid.length > 0 && (
        <ul class="keys">
          {valid.map(({ id, name, createdAt, expiresAt }) => (
            <li key={id}>
              <span dir="auto">{name}</span>
              <span class="fine">{expiresAt ? t("keys.expires", { date: date(expiresAt) }) : date(createdAt)}</span>
              <button type="button" class="small-button danger-text" onClick={() => void revoke(id)}>{t("keys.revoke")}</button>
            </li>
          ))}
        </ul>
      )}
      <form class="inline-form" onSubmit={(event) => void create(event)}>
        <Field label={t("keys.name")} name="name" required maxLength={100} />
        <button>{t("keys.create")}</button>
      </form>
      {secret.value && (
        <Dialog title={t("keys.created")} onClose={() => (secret.value = null)} class="small">
          <p>{t("keys.once")}</p>
          <p class="secret"><code>{secret.value}</code><IconButton icon="copy" label={t("action.copy")} onClick={() => void copyText(secret.value!)} /></p>
          <footer><button type="button" class="primary" onClick={() => (secret.value = null)}>{t("action.done")}</button></footer>
        </Dialog>
      )}
    </section>
  );
}

function Danger() {
  const asking = useSignal(false);
  const remove = async (event: SubmitEvent) => {
    event.preventDefault();
    const password = String(new FormData(event.currentTarget as HTMLFormElement).get("password"));
    const done = await mutate(DeleteAccount, { password });
    if (!accepted(done?.deleteAccount)) return;
    toast(t("settings.deleted"));
    session.end();
  };
  return (
    <section class="panel danger-zone">
      <h2>{t("settings.delete")}</h2>
      <p>{t("settings.delete_text")}</p>
      <button type="button" class="danger-text" onClick={() => (asking.value = true)}>{t("settings.delete")}</button>
      {asking.value && (
        <Dialog title={t("settings.delete")} onClose={() => (asking.value = false)} class="small">
          <form onSubmit={(event) => void remove(event)}>
            <p>{t("settings.delete_text")}</p>
            <Field label={t("sign.password")} name="password" type="password" required autocomplete="current-password" />
            <footer>
              <button type="button" class="quiet" onClick={() => (asking.value = false)}>{t("action.keep")}</button>
              <button class="danger">{t("settings.delete")}</button>
            </footer>
          </form>
        </Dialog>
      )}
    </section>
  );
}
