import { useSignal } from "@preact/signals";
import { session } from "../app";
import { t } from "../i18n";
import type { Refusal } from "../../client/session";
import { Field, Spinner } from "../parts/controls";
import { Icon, Logo } from "../parts/icons";
import { Preferences } from "../parts/preferences";

export function SignIn() {
  const creating = useSignal(false);
  const busy = useSignal(false);
  const refusal = useSignal<Refusal | null>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string) => String(form.get(name) ?? "");
    const stay = form.has("stay");
    busy.value = true;
    try {
      refusal.value = creating.value
        ? await session.register(value("email"), value("password"), value("name").trim() || null, stay)
        : await session.login(value("email"), value("password"), stay);
    } catch {
      refusal.value = { code: "NETWORK", message: t("error.network") };
    } finally {
      busy.value = false;
    }
  };
  const at = (field: string) => {
    const { field: bad, code, message } = refusal.value ?? {};
    return bad === field || (field === "email" && code === "EMAIL_TAKEN") ? message : undefined;
  };
  const general = refusal.value && !["email", "password", "name"].some(at);

  return (
    <div class="sign-in">
      <main>
        <div class="brand"><Logo /><span>Lectern</span></div>
        <h1>{creating.value ? t("sign.up_title") : t("sign.in_title")}</h1>
        <p class="lead">{t("sign.lead")}</p>
        <form onSubmit={(event) => void submit(event)}>
          {creating.value && <Field label={t("sign.name")} name="name" autocomplete="name" maxLength={200} error={at("name")} />}
          <Field
            label={t("sign.email")} name="email" type="email" required
            autocomplete={creating.value ? "email" : "username"} error={at("email")}
          />
          <Field
            label={t("sign.password")} name="password" type="password" required
            minLength={creating.value ? 10 : 1} maxLength={256}
            autocomplete={creating.value ? "new-password" : "current-password"}
            hint={creating.value ? t("sign.password_hint") : undefined} error={at("password")}
          />
          <label class="check"><input type="checkbox" name="stay" defaultChecked /> {t("sign.stay")}</label>
          {general && (
            <p class="notice bad" role="alert">
              <Icon name="warn" />
              <span>{refusal.value!.message}</span>
            </p>
          )}
          <button class="primary wide" disabled={busy.value}>
            {busy.value && <Spinner />}
            {creating.value ? t("sign.up") : t("sign.in")}
          </button>
        </form>
        <p class="switch">
          {creating.value ? t("sign.have") : t("sign.new")}{" "}
          <button type="button" class="link" onClick={() => ((creating.value = !creating.value), (refusal.value = null))}>
            {creating.value ? t("sign.in") : t("sign.up_title")}
          </button>
        </p>
      </main>
      <footer><Preferences /></footer>
    </div>
  );
}
