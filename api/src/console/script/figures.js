// Figures: their filters.
import { filtering } from "./filters.js";

filtering();
document.documentElement.dataset.ready = "figures";
