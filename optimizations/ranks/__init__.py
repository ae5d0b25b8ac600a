"""Engines over ranks: what optimizations that work in several processes share.

    slabs.py          which planes a rank has
    team.py           messages between ranks: plain torch.distributed, point to point
    decomposition.py  an engine that is cut into slabs, and how its state is scattered and gathered
    crew.py           for the judge and the clock: rank 0 starts its peers and commands them
    peer.py           the process of such a peer

Under `torchrun` every rank runs the same program and there is no crew.
"""
