"""The integration types that are built in. A new one is one file of data, and one line here.

An operator adds further types in ``synkron.toml`` with a section ``[types.NAME]``.
"""

from __future__ import annotations

from synkron.integrations.bufdir import BUFDIR
from synkron.integrations.dynamics import DYNAMICS
from synkron.integrations.profile import Profile
from synkron.integrations.xledger import XLEDGER

BUILT_IN: dict[str, Profile] = {profile.name: profile for profile in (XLEDGER, DYNAMICS, BUFDIR)}
