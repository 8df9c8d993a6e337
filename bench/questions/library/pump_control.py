"""Controls the pumps of the station."""

import time

RESTART_LIMIT = 5
COOL_DOWN_SECONDS = 45


class Pump:
    def restart(self):
        """Restart the pump, at most RESTART_LIMIT times an hour."""
        if self.restarts >= RESTART_LIMIT:
            raise RuntimeError("restart limit reached")
        self.valve.close()
        time.sleep(COOL_DOWN_SECONDS)
        return self._motor.start()

    def pressure(self):
        """Pressure at the outlet in bar."""
        return self._gauge.read() / 1000
