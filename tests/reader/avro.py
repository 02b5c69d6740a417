import values as V
class Avro(V.Type):
    def __init__(self, schema): self.cls = 'Avro'
