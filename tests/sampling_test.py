#!/usr/bin/env python3
"""A sampled event type on the real program: fewer lines, nothing else changes, the witnesses agree."""
import sys

sys.path.insert(0, __file__.rsplit("/", 1)[0] + "/support")
from harness import equal, check, run, wait_for, world  # noqa: E402

CALLS = 60


# S0-B08
def one_in_four():
    with world() as w:
        w.start_simulator()
        w.start_server("sampling: {chat_completion_request_start: 4}\n")
        for i in range(CALLS):
            equal(w.chat(f"{i}").status, 200, "a call")
        wait_for(lambda: len([x for x in w.log_lines() if x.get("outcome")]) == CALLS, "every terminal line")
        report = w.reconcile()
        check(report["agree"], report)
        kept = len([x for x in w.log_lines() if x["event_type"] == "chat_completion_request_start"])
        check(0 < kept < CALLS, f"{kept} of {CALLS} start lines")
        dropped = w.series()['sightglass_log_lines_dropped_total{reason="sampled"}']
        equal(kept + dropped, CALLS, "lines and what was sampled away")
        equal(w.sum_of("coo_llm_requests_total"), CALLS, "requests counted")
        equal(w.stop(), 0, "the server's end")


if __name__ == "__main__":
    run(one_in_four)
