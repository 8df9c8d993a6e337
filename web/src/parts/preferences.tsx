import { theme, type Theme } from "../app";
import { language, LANGUAGES, speak, t, type Language } from "../i18n";

/** Language and theme. */
export function Preferences() {
  return (
    <div class="preferences">
      <label>
        <span>{t("settings.language")}</span>
        <select value={language.value} onChange={(event) => void speak(event.currentTarget.value as Language, true)}>
          {Object.entries(LANGUAGES).map(([tag, name]) => <option key={tag} value={tag} lang={tag}>{name}</option>)}
        </select>
      </label>
      <label>
        <span>{t("settings.theme")}</span>
        <select value={theme.value} onChange={(event) => (theme.value = event.currentTarget.value as Theme)}>
          <option value="system">{t("theme.system")}</option>
          <option value="light">{t("theme.light")}</option>
          <option value="dark">{t("theme.dark")}</option>
        </select>
      </label>
    </div>
  );
}
