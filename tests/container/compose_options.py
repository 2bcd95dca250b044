#!/usr/bin/env python3
"""What docker/compose.yaml says of the service, as arguments of `podman run`, one a line.

    compose_options.py VOLUME ENV_FILE

No Compose is packaged that knows the file's form and can do without Docker's daemon.  A member
that this does not know is an error, so that the file says nothing that the test has not tried.
Left out: `build` and `image`, which the test has done already, and `restart`.  VOLUME and
ENV_FILE stand for the volume's and the file's own name; the host's network for `ports`.
"""

import sys
from pathlib import Path

import yaml

COMPOSE = Path(__file__).resolve().parents[2] / "docker" / "compose.yaml"


def options(service: dict, volumes: dict, volume: str, env_file: str) -> list[str]:
    done = {"build", "image", "restart"}
    if service["build"] != {"context": "..", "dockerfile": "docker/Dockerfile"}:
        raise ValueError(f"build: {service['build']}")
    out = []
    for name, value in service.items():
        match name:
            case "ports":
                if value != ["8080:8080"]:
                    raise ValueError(f"ports: {value}: the test asks at 8080")
                out.append("--network=host")
            case "env_file":
                if value != [{"path": "waybill.env", "required": False}]:
                    raise ValueError(f"env_file: {value}")
                out.append(f"--env-file={env_file}")
            case "volumes":
                for mount in value:
                    source, target = mount.split(":", 1)
                    if source not in volumes:
                        raise ValueError(f"volumes: '{source}' is not declared")
                    out.append(f"--volume={volume}:{target}")
            case "read_only":
                out.append(f"--read-only={str(value).lower()}")
            case "cap_drop":
                out += [f"--cap-drop={capability}" for capability in value]
            case "security_opt":
                out += [f"--security-opt={option.replace(':true', '')}" for option in value]
            case "stop_grace_period":
                out.append(f"--stop-timeout={value.removesuffix('s')}")
            case _ if name not in done:
                raise ValueError(f"{name}: unknown here; teach this file how podman calls it")
    return out


def main() -> None:
    compose = yaml.safe_load(COMPOSE.read_text())
    print("\n".join(options(compose["services"]["waybill"], compose["volumes"], *sys.argv[1:3])))


if __name__ == "__main__":
    main()
