"""Names of the topics and services of the suite; relative, so that a namespace moves all of them.

A robot's own topics (cameras, joint states, command) are in its YAML; `replay_space` gives their
full names.
"""

#: What stays in force, the mode and the instruction, is published again with this period [s].
REPUBLISH_PERIOD_S = 1.0

OBSERVATION = "vla/observation"
INTENT = "vla/intent"
ACTION_CHUNK = "vla/action_chunk"
#: vla_msgs/ActionChunk: the whole way to the ready pose, followed in HOLD.
READY_CHUNK = "vla/ready_chunk"
#: vla_msgs/TeleopTarget: where the operator wants the joints, and whether the deadman is held.
TELEOP_TARGET = "vla/teleop_target"
#: sensor_msgs/Joy: keys of the console, as `config/teleop/keyboard.yaml` reads them.
TELEOP_KEYBOARD = "teleop/keyboard"
#: diagnostic_msgs/DiagnosticStatus: an intervention has begun, or ended.
INTERVENTION = "vla/intervention"
INSTRUCTION = "vla/instruction"
MODE = "vla/mode"
SAFETY_STATUS = "vla/safety_status"
EXECUTION_STATE = "vla/execution_state"
ESTOP = "vla/estop"
#: std_msgs/Bool: whether the instruction in force is done; from the simulator, or a detector.
TASK_SUCCESS = "vla/task_success"

SET_INSTRUCTION = "vla/set_instruction"
SET_MODE = "vla/set_mode"
#: vla_msgs/ResetEstop: a person's act, the only way out of ESTOP.
RESET_ESTOP = "vla/reset_estop"
#: std_srvs/Trigger: plan the way to the ready pose and send it.
READY = "vla/ready"
#: std_srvs/Trigger: save the last seconds that the recorder keeps.
SAVE_RECORDING = "vla/save_recording"
EXECUTE_INSTRUCTION = "vla/execute_instruction"

#: std_msgs/String: the robot's URDF; tf2_msgs/TFMessage: where its frames are.
ROBOT_DESCRIPTION = "robot_description"
TF = "tf"
TF_STATIC = "tf_static"

SIM_STATUS = "sim/status"
SIM_RESET = "sim/reset"

#: Absolute by convention: the tools look for it there.
DIAGNOSTICS = "/diagnostics"
#: A simulator's, the same for all; a recording's is in its replay's namespace.
CLOCK = "/clock"
