"""Common given and family names of many countries, for names that belong to nobody in particular."""

from __future__ import annotations

GIVEN = tuple(
    """
    Ada Adam Agnes Aidan Alan Albert Alice Amara Amelia Amir Ana Andrea Andrew Angela Anita Anna
    Anton Arthur Asha Astrid Ava Barbara Beatrice Benjamin Bianca Boris Brenda Brian Bruno
    Camille Carla Carlos Carmen Caroline Cecilia Charles Chen Chiara Chloe Clara Claude Colin
    Cora Daniel Daria David Deborah Diana Diego Dmitri Dora Dylan Edith Edward Elena Eli Elif
    Elisa Ella Elsa Emil Emily Emma Enzo Eric Erika Esther Ethan Eva Fatima Felix Fiona Flora
    Frances Frank Freya Gabriel George Gloria Grace Greta Hana Hannah Harold Hassan Heidi Helen
    Henry Hugo Ian Ida Ines Irene Iris Isaac Isabel Ivan Jack James Jana Jasmine Jean Joan Jonas
    Joseph Judith Julia Julian Karen Karim Kate Keiko Kenji Laila Lara Laura Leah Leo Leon Liam
    Lina Linda Lionel Louis Lucia Lucy Luis Lydia Malik Marco Maria Marie Mark Marta Martin
    Mateo Maya Megan Mila Mina Miriam Mohan Monica Nadia Naomi Nathan Nina Noah Nora Olga Oliver
    Olivia Omar Oscar Otto Pablo Paula Peter Petra Philip Priya Quentin Rachel Ravi Rebecca Rita
    Robert Rosa Ruben Ruth Samir Samuel Sandra Sara Sofia Sonia Stefan Stella Susan Sven Tara
    Teresa Thomas Tim Tobias Uma Ursula Vera Victor Viola Walter Wanda William Xenia Yara Yasmin
    Yusuf Zara Zoe
    """.split()
)
FAMILY = tuple(
    """
    Abbott Acosta Adler Aguilar Ahmed Alvarez Andersen Archer Arnold Atkins Bailey Baker Barnes
    Bauer Becker Bell Bennett Berg Bianchi Bishop Black Blake Bond Boyd Brandt Brooks Bruno
    Burns Byrne Campos Carlsen Carter Castro Chan Chavez Clarke Cohen Coleman Conti Cooper Costa
    Cruz Dalton Daly Davies Delgado Dietrich Doyle Dubois Duncan Dunn Eklund Ellis Engel Evans
    Farrell Fernandez Ferrari Fischer Fleming Flores Foster Fox Franke Frost Garcia Garner
    Gibson Gill Gomez Graham Grant Green Gupta Haas Hale Hall Hansen Harper Hart Hayes Heller
    Herrera Hoffman Holm Horvat Howard Hughes Hunt Ibarra Ito Ivanov Jacobs Jain Jensen Johansen
    Jordan Kapoor Katz Keller Khan Kim King Klein Koch Kovacs Kramer Kumar Lambert Lang Larsen
    Laurent Lee Lehmann Leroy Lim Lopez Lund Maier Mancini Marino Marsh Martin Mason Mayer Mehta
    Mendez Meyer Miller Molina Moreau Moreno Morgan Moritz Muller Murphy Nagy Nakamura Nash
    Navarro Nelson Neumann Nielsen Novak Ochoa Olsen Ortega Owens Palmer Park Patel Pearson
    Peters Petrov Pohl Porter Price Quinn Ramos Rao Reed Reyes Richter Rivera Roberts Rossi Roth
    Roy Russo Ryan Salazar Santos Sato Schmidt Schneider Schulz Shah Sharma Shaw Silva Simon
    Singh Sokolov Stein Stone Suzuki Szabo Tanaka Taylor Thorne Torres Tran Turner Vance Vargas
    Vega Vogel Wagner Walker Walsh Wang Watson Weber Weiss Werner West White Wolf Wood Wright
    Yamada Young Zimmer
    """.split()
)
