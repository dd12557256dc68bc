const root = document.documentElement;

/* Follow the system's light or dark, and the button; `draw` is called after each change. */
function startTheme(draw) {
  const button = document.getElementById("theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const setDark = (dark) => {
    root.classList.toggle("dark", dark);
    button.textContent = dark ? "Light" : "Dark";
    draw();
  };
  button.addEventListener("click", () => setDark(!root.classList.contains("dark")));
  system.addEventListener("change", (event) => setDark(event.matches));
  setDark(system.matches);
}
