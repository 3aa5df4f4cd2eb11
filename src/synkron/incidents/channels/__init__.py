"""Where incidents are announced besides the log."""

from synkron.incidents.channels.channels import LONGEST, Channel, Channels, NotDelivered, open_channels

__all__ = ["LONGEST", "Channel", "Channels", "NotDelivered", "open_channels"]
