"""Where the time, the memory and the waiting of a run go; each instrument in its own process."""
