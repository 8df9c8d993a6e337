import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "./i18n";
import { Empty, Spinner } from "./parts/controls";

/** A component that is loaded when it is first shown. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let Loaded: ComponentType<Props> | null = null;
  return function Lazy(props: Props) {
    const [failed, setFailed] = useState(false);
    const [, setTurn] = useState(0);
    useEffect(() => {
      if (Loaded) return;
      load().then((component) => ((Loaded = component), setTurn(1)), () => setFailed(true));
    }, []);
    if (Loaded) return <Loaded {...props} />;
    if (!failed) return <div class="chat-state"><Spinner />{t("state.loading")}</div>;
    return (
      <Empty icon="warn" title={t("error.network")}>
        <button type="button" onClick={() => location.reload()}>{t("action.reload")}</button>
      </Empty>
    );
  };
}
