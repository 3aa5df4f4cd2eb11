"""Whom incidents are announced to besides the log: the channels, and the delivery of what is due."""

from synkron.incidents.announce import deliver_due
from synkron.incidents.channels.channels import LONGEST, Channel, Channels, NotDelivered, open_channels

__all__ = ["LONGEST", "Channel", "Channels", "NotDelivered", "deliver_due", "open_channels"]
