// Sets the colours before the page is drawn: those that were chosen here, or those of the system.
'use strict';
(() => {
  const THEMES = ['auto', 'light', 'dark'];
  const KEY = 'pyexec-theme';
  const read = () => {
    try {
      const kept = localStorage.getItem(KEY);
      return THEMES.includes(kept) ? kept : 'auto';
    } catch {
      return 'auto'; // storage is not allowed
    }
  };
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
  };
  apply(read());
  addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    const show = () => {
      button.textContent = `Theme: ${document.documentElement.dataset.theme}`;
    };
    button.addEventListener('click', () => {
      const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
      apply(next);
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // it lasts as long as the page
      }
      show();
    });
    show();
  });
})();
