"""A Ray cluster of this machine alone, for tests: `ray_cluster.py FOLDER`; words on standard input, answers on output.

Its head has one CPU, every `add` brings a node with two; `lose` ends the newest one as a power cut would.
"""

import sys

from ray.cluster_utils import Cluster


def main(folder, port):
    home = {"node_ip_address": "127.0.0.1"}
    head = {"num_cpus": 1, "ray_client_server_port": port, "include_dashboard": False, "temp_dir": folder}
    cluster, nodes = Cluster(initialize_head=True, head_node_args=home | head), []
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(cluster.add_node(num_cpus=2, **home))
        elif line.strip() == "lose":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        print("done", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
