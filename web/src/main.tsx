import "./styles.css";
import { render } from "preact";
import { preferredLanguage, speak } from "./i18n";
import { Shell } from "./shell";

await speak(preferredLanguage());
render(<Shell />, document.getElementById("app")!);
