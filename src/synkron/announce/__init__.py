"""Whom incidents are announced to besides the log: the channels, and the delivery of what is due."""

from synkron.announce.channels import LONGEST, Channel, Channels, NotDelivered, open_channels
from synkron.announce.delivery import deliver_due

__all__ = ["LONGEST", "Channel", "Channels", "NotDelivered", "deliver_due", "open_channels"]
