/** How many file descriptors this process may have open; infinite where the system has no such limit. */
export function descriptorLimit(): number {
  // Node.js accepts and silently closes connections when descriptors run out, so the limit has to be known
  // before. Its diagnostic report is the one documented place that tells it.
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = report.userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : Number.POSITIVE_INFINITY;
}
