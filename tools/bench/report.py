"""Turns the numbers of all rounds into medians and same-round ratios, for people and as JSON."""

from statistics import median


def middle(values):
    found = [value for value in values if value is not None]
    return round(median(found), 4) if found else None


def spread(values):
    found = [value for value in values if value is not None]
    if not found:
        return "-"
    return f"{median(found):.2f} [{min(found):.2f}..{max(found):.2f}]"


class Rounds:
    """series[measurement][gateway] is a list with one dictionary, or None, for each round."""

    def __init__(self):
        self.series = {}

    def add(self, measurement, gateway, values):
        self.series.setdefault(measurement, {}).setdefault(gateway, []).append(values)

    def values(self, measurement, gateway, field):
        rounds = self.series.get(measurement, {}).get(gateway, [])
        return [None if one is None else one[field] for one in rounds]

    def median(self, measurement, gateway, field):
        return middle(self.values(measurement, gateway, field))

    def compared(self, measurement, gateway, other, field, combine):
        mine = self.values(measurement, gateway, field)
        theirs = self.values(measurement, other, field)
        pairs = zip(mine, theirs)
        return [combine(a, b) for a, b in pairs if a is not None and b is not None]

    def ratios(self, measurement, gateway, other, field="cpu_us"):
        return self.compared(measurement, gateway, other, field, lambda a, b: a / b)

    def added(self, measurement, gateway, other, field):
        return self.compared(measurement, gateway, other, field, lambda a, b: a - b)


def summary(rounds, extra):
    """The object of --json. The first six names are fixed; null means not measured."""
    names = {"nginx": "nginx", "process": "weir-process", "power": "weir"}
    light = {
        short: middle(rounds.added("light", name, "direct", "p50_us"))
        for short, name in names.items()
    }
    return {
        "json_cpu_ratio_32": middle(rounds.ratios("json_32", "weir", "nginx")),
        "json_cpu_ratio_128": middle(rounds.ratios("json_128", "weir", "nginx")),
        "chunk_cpu_ratio": middle(rounds.ratios("chunk", "weir", "nginx")),
        "added_p50_us": light,
        "idle_stream_bytes": middle(rounds.values("idle", "weir", "bytes")),
        "ledger_pairs_per_s": extra.pop("ledger_pairs_per_s", None),
        "json_cpu_ratio_32_process": middle(rounds.ratios("json_32", "weir-process", "nginx")),
        "idle_stream_bytes_nginx": middle(rounds.values("idle", "nginx", "bytes")),
        "idle_stream_ratio": middle(rounds.ratios("idle", "weir", "nginx", "bytes")),
        "added_chunk_p50_us": {
            name: middle(rounds.added("chunk", name, "direct", "chunk_p50_us"))
            for name in ("nginx", "weir")
        },
        "medians": {
            measurement: {
                gateway: {
                    field: rounds.median(measurement, gateway, field)
                    for field in next((one for one in values if one), {})
                }
                for gateway, values in by_gateway.items()
            }
            for measurement, by_gateway in rounds.series.items()
        },
        **extra,
    }


TITLES = {
    "json_32": ("JSON request, 32 connections", "cpu_us", "us CPU"),
    "json_128": ("JSON request, 128 connections", "cpu_us", "us CPU"),
    "chunk": ("streamed chunk, 100 streams", "cpu_us", "us CPU"),
    "light": ("JSON request, light load", "p50_us", "us p50"),
    "idle": ("idle stream", "bytes", "bytes resident"),
}


def print_report(rounds, result):
    for measurement, (title, field, unit) in TITLES.items():
        by_gateway = rounds.series.get(measurement)
        if not by_gateway:
            continue
        print(f"\n{title}: median [least..most] of {unit}")
        for gateway in by_gateway:
            values = rounds.values(measurement, gateway, field)
            if all(value is None for value in values):
                continue
            line = f"  {gateway:<14}{spread(values):<34}"
            if measurement == "light":
                if gateway != "direct":
                    line += "added " + spread(rounds.added("light", gateway, "direct", field))
            elif gateway not in ("nginx", "direct"):
                line += "of nginx " + spread(rounds.ratios(measurement, gateway, "nginx", field))
            print(line.rstrip())
    for gateway, values in result.get("counts", {}).items():
        for name, value in values.items():
            if value is not None:
                print(f"  {gateway:<14}{name.replace('_', ' ')}: {value:,.2f}")
    if result["ledger_pairs_per_s"] is not None:
        print(f"\nledger: {result['ledger_pairs_per_s']:,.0f} pairs/s")
    for note in result["notes"]:
        print(f"note: {note}")
    print(f"\n{result['rounds']} rounds in {result['seconds']:.0f} s")
