import values as V
class Kryo(V.Type):
    def __init__(self, cls, maps): self.cls = cls
