"""One step, frozen against this one, at each timed size."""

from tools.suite import Suite


class Speed(Suite):
    def setup_cache(self):  # asv keys its cache by file and line, so it must stand here
        return self.measure()
