"""A stand-in for CleanRL's ppo.py: takes its options, learns nothing, and prints what it prints."""
import argparse
import random
import time

parser = argparse.ArgumentParser()
parser.add_argument("--env-id", default="CartPole-v1")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--total-timesteps", type=int, default=5000)
args = parser.parse_args()

best = {"CartPole-v1": 500, "Acrobot-v1": -80, "MountainCar-v0": -110}.get(args.env_id, 100)
random.seed(f"{args.env_id} {args.seed}")
for step in range(500, args.total_timesteps + 1, 500):
    episodic_return = best * (1 + random.uniform(-0.2, 0.1))
    print(f"global_step={step}, episodic_return={episodic_return:.1f}", flush=True)
    time.sleep(0.05)
