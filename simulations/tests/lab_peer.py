"""Both ends of the lab's own measurements: TCP transfers, UDP echoes, multicast."""
import socket
import sys
import time

def wait_for(connect):
    for _ in range(100):
        try:
            return connect()
        except OSError:
            time.sleep(0.05)
    return connect()

def receive(port):
    server = socket.create_server(("", int(port)))
    while True:
        peer, _ = server.accept()
        while peer.recv(1 << 16):
            pass
        peer.sendall(b"!")
        peer.close()

def send(address, port, count):
    peer = wait_for(lambda: socket.create_connection((address, int(port)), timeout=20))
    began = time.monotonic()
    peer.sendall(b"x" * int(count))
    peer.shutdown(socket.SHUT_WR)
    peer.recv(1)
    print(time.monotonic() - began)

def echo(port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("", int(port)))
    while True:
        data, back = peer.recvfrom(2048)
        peer.sendto(data, back)

def ping(address, port, count):
    """Waits for the echo's first answer where there is one, then sends in small bursts."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect((address, int(port)))
    peer.settimeout(0.3)
    for _ in range(8):
        try:
            peer.send(b"?")
            peer.recv(2048)
            break
        except OSError:
            time.sleep(0.1)
    while True:
        try:
            peer.recv(2048)
        except OSError:
            break
    got, times, count = 0, [], int(count)
    for start in range(0, count, 20):
        burst = min(20, count - start)
        for at in range(burst):
            try:
                peer.send(repr(time.monotonic()).encode().ljust(500))
            except OSError:
                pass
        peer.settimeout(0.12)
        for at in range(burst):
            try:
                sent = float(peer.recv(2048))
                times.append(time.monotonic() - sent)
                got += 1
            except OSError:
                break
    print(got, min(times, default=0) * 1000)

def group(address, port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    peer.bind(("", int(port)))
    join = socket.inet_aton(address) + socket.inet_aton("0.0.0.0")
    peer.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join)
    peer.settimeout(1.5)
    try:
        peer.recv(2048)
        print("heard")
    except OSError:
        print("silence")

def shout(address, port):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        peer.sendto(b"here", (address, int(port)))
        time.sleep(0.1)

globals()[sys.argv[1]](*sys.argv[2:])
