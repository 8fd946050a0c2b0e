// Before the first paint, so that nobody who chose dark sees a white flash. The page may have no inline script.
{
  const chosen = localStorage.getItem('runyard.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
}
