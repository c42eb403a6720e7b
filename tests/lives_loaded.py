"""What the process has done from which the children of `lives` are forked."""

import os

import lives

lives.load()
assert len(os.listdir("/proc/self/task")) == 1, "more than one thread: forking is not safe"
