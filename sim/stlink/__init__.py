"""ST-Link probes as USB devices: V2, V2-1, V3 and the clones, at a chosen firmware level.

- ``identity``  products: ids, descriptors, default firmware, times
- ``state``     what the firmware remembers, its status codes and its switches
- ``device``    the USB side: commands in, replies out
- ``commands``  which commands there are, since which level, in which mode
- ``control``, ``memory``, ``dap``, ``speed``  what they do
"""
