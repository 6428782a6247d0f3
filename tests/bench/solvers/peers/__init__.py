"""The competitors, one file each; each file lists its own in PEERS."""

from . import cyanure, liblinear, pytorch, scikit_learn, snap_ml, softmargin

PEERS = {
    peer.name: peer
    for module in (scikit_learn, liblinear, cyanure, pytorch, snap_ml, softmargin)
    for peer in module.PEERS
}  # fmt: skip
