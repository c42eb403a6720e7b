// Sliders have no name of their own for screen readers, and JupyterLab takes keys pressed in a
// dropdown for commands unless the dropdown itself, not what holds it, says not to.
const name = page => page.querySelectorAll('.noUi-handle:not([aria-label])').forEach(handle => {
  const label = handle.closest('.kd-labelled')?.querySelector('label');
  if (label) handle.setAttribute('aria-label', label.textContent);
});
const begin = tries => {
  const page = element.closest('.kd-page');
  if (!page) { if (tries) setTimeout(begin, 100, tries - 1); return; }
  page.addEventListener('focusin', ({target}) =>
    target.setAttribute('data-lm-suppress-shortcuts', 'true'));
  page.querySelectorAll('.kd-live').forEach(e => e.setAttribute('role', 'status'));
  page.querySelectorAll('.kd-group').forEach(e => {
    e.setAttribute('role', 'group');
    e.setAttribute('aria-label', e.querySelector('.kd-head')?.textContent ?? '');
  });
  new MutationObserver(() => name(page)).observe(page, {childList: true, subtree: true});
  name(page);
};
begin(100);
