"""Cameras and joints of one moment: pushes in, aligned Observations out, never waiting.

API, being implemented (signatures are settled):

    aligner = ObservationAligner({"head": (96, 96), "side": (96, 96)}, joint_names, max_skew_s=0.05,
                                 reference="head")     # default reference: the first camera
    aligner.push_joint_state(names, position, velocity, stamp_ns) -> Observation | None
    aligner.push_image("head", rgb, stamp_ns) -> Observation | None   # rgb (height, width, 3) uint8, any size
    aligner.drops -> Mapping[str, int]     reason -> count; aligner.last_drop -> str, for diagnostics
"""
