"""What a run must not do: end its own key, take its account or source out of use, or shut out the examples' recipient."""

import os

import schemathesis

OWN = frozenset(os.environ["WAYPOST_TEST_OWN_IDS"].split(","))
ABSENT = "01c17ac6-a3d0-7000-8000-0000000000ff"
RECIPIENT, ANOTHER = "12025550143", "12025550144"
KEEPING = frozenset({"GET", "HEAD"})


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method.upper() not in KEEPING and isinstance(case.path_parameters, dict):
        for name, value in case.path_parameters.items():
            if value in OWN:
                case.path_parameters[name] = ABSENT
    if isinstance(case.body, dict) and isinstance(case.body.get("recipients"), list):
        for one in case.body["recipients"]:
            if isinstance(one, dict) and one.get("recipient") == RECIPIENT:
                one["recipient"] = ANOTHER
