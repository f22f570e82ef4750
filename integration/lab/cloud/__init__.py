"""AWS as the lab plays it: moto does the remembering, everything here does what moto does not.

These modules run in one process of their own (`main.py`), with the Python of the AWS tree, moto inside. A request
passes, in this order: AWS's own service models (`models.py`), faults and throttling (`weather.py`), clock, signature
and credentials (`signature.py`, `callers.py`), the caller's policies (`policy.py`, `resources.py`), the rules moto
lacks (`rules.py`, `tokens.py`, `quotas.py`), moto (`backend.py`), and time (`lifecycle.py`, `staleness.py`).
Only `handle.py` is for other programs: it starts and stops that process and talks to it.
"""
