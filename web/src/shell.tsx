import { useEffect } from "preact/hooks";
import { dismiss, spoken, toasts, user } from "./app";
import { t } from "./i18n";
import { lazy } from "./lazy";
import { IconButton } from "./parts/controls";
import { Icon } from "./parts/icons";
import { SignIn } from "./screens/sign-in";

const Frame = lazy(() => import("./frame").then((module) => module.Frame));

export function Shell() {
  const who = user.value?.id;
  useEffect(() => {
    if (!who) document.title = "Lectern";
  }, [who]);
  return (
    <>
      {who ? <Frame key={who} /> : <SignIn />}
      <div class="visually-hidden" role="status" aria-live="polite">{spoken.value}</div>
      <div class="toasts" aria-live="assertive">
        {toasts.value.map(({ id, text, bad }) => (
          <div key={id} class={`toast ${bad ? "bad" : ""}`}>
            <Icon name={bad ? "warn" : "check"} />
            <span>{text}</span>
            <IconButton icon="close" label={t("action.close")} onClick={() => dismiss(id)} />
          </div>
        ))}
      </div>
    </>
  );
}
