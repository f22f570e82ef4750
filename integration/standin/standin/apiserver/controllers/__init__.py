"""What the controller manager and the scheduler do, as far as a node's bootstrap can see it.

Each controller is a function that takes the world once from how it is one step towards how it should be; loop.py
calls them all every second.
"""
